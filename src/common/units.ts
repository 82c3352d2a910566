import { SkeinError, SqlState } from './errors.ts';

const bytesByUnit: Readonly<Record<string, number>> = {
  b: 1,
  k: 1e3,
  kb: 1e3,
  m: 1e6,
  mb: 1e6,
  g: 1e9,
  gb: 1e9,
  t: 1e12,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const msByUnit: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };

/**
 * Bytes of `4GB`, `512MiB`, `1.5 GB`, `4G`, `1000`: K, KB, M, MB ... count in thousands and KiB, MiB ... in 1024s, as
 * DuckDB's do; no unit means bytes.
 * @throws SkeinError 22023
 */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = bytesByUnit[(match?.[2] || 'b').toLowerCase()];
  const bytes = match && unit ? Math.round(Number(match[1]) * unit) : Number.NaN;
  if (!Number.isSafeInteger(bytes)) throw invalid(text, 'a size such as 4GB or 512MiB');
  return bytes;
}

/**
 * Milliseconds of `500ms`, `30s`, `5m`, `2h`, `1d`; a bare number but 0 is refused, for its unit is anyone's guess.
 * @throws SkeinError 22023
 */
export function parseDuration(text: string): number {
  if (/^\s*0+\s*$/.test(text)) return 0;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim());
  const unit = msByUnit[(match?.[2] ?? '').toLowerCase()];
  const ms = match && unit ? Math.round(Number(match[1]) * unit) : Number.NaN;
  if (!Number.isSafeInteger(ms)) throw invalid(text, 'a duration such as 30s, 500ms or 5m');
  return ms;
}

function invalid(text: string, expected: string): SkeinError {
  return new SkeinError(SqlState.invalidParameterValue, `expected ${expected}, got "${text}"`);
}

/** `0 B`, `823 KB`, `1.2 GB`: thousands, three digits at most, for people. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 9.95 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `0.8 ms`, `12 ms`, `1.24 s`, `2 m 05 s`, `3 h 20 m`, `2 d 4 h`: for people. */
export function formatDuration(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_995) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  const pad = (value: number): string => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${pad(seconds % 60)} s`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${pad(Math.floor((seconds % 3600) / 60))} m`;
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`;
}

/** `1,234,567`: for people. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
