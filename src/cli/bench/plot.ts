export interface PlotSeries {
  readonly name: string;
  readonly color: string;
  /** By number of workers, ascending. */
  readonly points: readonly { readonly workers: number; readonly seconds: number }[];
}

export interface Plot {
  readonly title: string;
  readonly subtitle: string;
  readonly series: readonly PlotSeries[];
  /** A level to compare with, drawn across. */
  readonly baseline: { readonly name: string; readonly seconds: number };
}

const width = 720;
const height = 420;
const area = { left: 70, right: 690, top: 80, bottom: 350 };

/** An SVG of time against workers: a line a series, the baseline dashed, both axes from zero. */
export function renderPlot(plot: Plot): string {
  const points = plot.series.flatMap((series) => series.points);
  const maxWorkers = Math.max(1, ...points.map(({ workers }) => workers));
  const step = niceStep(Math.max(plot.baseline.seconds, ...points.map(({ seconds }) => seconds)) / 5);
  const maxSeconds =
    step * Math.ceil(Math.max(plot.baseline.seconds, ...points.map(({ seconds }) => seconds)) / step);
  const x = (workers: number): number => area.left + ((area.right - area.left) * workers) / maxWorkers;
  const y = (seconds: number): number => area.bottom - ((area.bottom - area.top) * seconds) / maxSeconds;

  const parts = [
    text(area.left, 32, plot.title, 'font-size="18" font-weight="600"'),
    text(area.left, 54, plot.subtitle, 'fill="#666"'),
  ];
  for (let tick = 0; tick <= Math.round(maxSeconds / step); tick++) {
    const seconds = tick * step;
    parts.push(line(area.left, y(seconds), area.right, y(seconds), 'stroke="#e3e3e3"'));
    parts.push(
      text(
        area.left - 8,
        y(seconds) + 4,
        `${Number(seconds.toPrecision(6))} s`,
        'text-anchor="end" fill="#666"',
      ),
    );
  }
  for (const workers of new Set(points.map((point) => point.workers))) {
    parts.push(text(x(workers), area.bottom + 20, `${workers}`, 'text-anchor="middle" fill="#666"'));
  }
  parts.push(
    text((area.left + area.right) / 2, area.bottom + 40, 'workers', 'text-anchor="middle" fill="#666"'),
  );

  const { baseline } = plot;
  parts.push(
    line(
      area.left,
      y(baseline.seconds),
      area.right,
      y(baseline.seconds),
      'stroke="#444" stroke-width="2" stroke-dasharray="6 5"',
    ),
  );
  parts.push(...legend([{ name: baseline.name, color: '#444' }, ...plot.series]));
  for (const series of plot.series) {
    const path = series.points
      .map(({ workers, seconds }) => `${round(x(workers))},${round(y(seconds))}`)
      .join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${series.color}" stroke-width="2.5"/>`);
    for (const { workers, seconds } of series.points) {
      parts.push(
        `<circle cx="${round(x(workers))}" cy="${round(y(seconds))}" r="4" fill="${series.color}"/>`,
      );
      parts.push(
        text(
          x(workers),
          y(seconds) - 10,
          `${seconds.toFixed(2)} s`,
          `text-anchor="middle" fill="${series.color}"`,
        ),
      );
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${parts.join('\n')}
</svg>
`;
}

function legend(entries: readonly { readonly name: string; readonly color: string }[]): readonly string[] {
  return entries.flatMap(({ name, color }, index) => {
    const left = area.left + index * 200;
    return [
      `<rect x="${left}" y="${height - 22}" width="12" height="12" fill="${color}"/>`,
      text(left + 18, height - 12, name, ''),
    ];
  });
}

/** The next of 1, 2, 5, 10, 20 ... */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-6)));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

function line(x1: number, y1: number, x2: number, y2: number, attributes: string): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" ${attributes}/>`;
}

function text(x: number, y: number, content: string, attributes: string): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${round(x)}" y="${round(y)}" ${attributes}>${escaped}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
