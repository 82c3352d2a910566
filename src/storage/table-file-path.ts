/** Stands in no path of a file. */
const mark = '\0';

/** The path of a file that is in a snapshot more than once. @param times how often it is there already */
export function repeatedPath(path: string, times: number): string {
  return times === 0 ? path : `${path}${mark}${times}`;
}

/** Where the file lies: its path without what `repeatedPath` added. */
export function fileLocation(path: string): string {
  const at = path.indexOf(mark);
  return at < 0 ? path : path.slice(0, at);
}
