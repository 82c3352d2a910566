/** From a byte offset in the UTF-8 of `text` to an offset in UTF-16 units. */
export function characterOffset(text: string, bytes: number): number {
  let seen = 0;
  let offset = 0;
  for (const character of text) {
    if (seen >= bytes) break;
    seen += Buffer.byteLength(character);
    offset += character.length;
  }
  return offset;
}
