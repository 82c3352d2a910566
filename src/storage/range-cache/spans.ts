/** Bytes `start` to before `end`. Lists of spans are sorted and do not overlap, unless said otherwise. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Sorts spans and joins those that overlap or lie at most `gap` bytes apart. */
export function joinSpans(spans: readonly Span[], gap = 0): Span[] {
  const joined: Span[] = [];
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    if (span.end <= span.start) continue;
    const last = joined.at(-1);
    if (last !== undefined && span.start <= last.end + gap) {
      joined[joined.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    } else joined.push({ start: span.start, end: span.end });
  }
  return joined;
}

/** What of `spans` none of `others` covers. */
export function subtractSpans(spans: readonly Span[], others: readonly Span[]): Span[] {
  const covers = joinSpans(others);
  const rest: Span[] = [];
  for (const { start, end } of joinSpans(spans)) {
    let at = start;
    for (const cover of covers) {
      if (cover.end <= at) continue;
      if (cover.start >= end) break;
      if (cover.start > at) rest.push({ start: at, end: cover.start });
      at = cover.end;
    }
    if (at < end) rest.push({ start: at, end });
  }
  return rest;
}

/** Cuts spans into pieces of at most `bytes`. */
export function cutSpans(spans: readonly Span[], bytes: number): Span[] {
  return spans.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / bytes) }, (_, index) => ({
      start: start + index * bytes,
      end: Math.min(end, start + (index + 1) * bytes),
    })),
  );
}

export function overlap(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}

export function totalBytes(spans: readonly Span[]): number {
  return spans.reduce((sum, { start, end }) => sum + end - start, 0);
}
