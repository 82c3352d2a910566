const alphabet = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#';
const digits = new Map([...alphabet].map((character, digit) => [character, digit]));

/** Bytes as text: five characters for four bytes, the last group filled up with zeros. @see ZeroMQ RFC 32 */
export function encodeZ85(bytes: Uint8Array): string {
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  let text = '';
  for (let at = 0; at < padded.length; at += 4) {
    let rest = view.getUint32(at);
    let group = '';
    for (let place = 0; place < 5; place++) {
      group = (alphabet[rest % 85] ?? '') + group;
      rest = Math.floor(rest / 85);
    }
    text += group;
  }
  return text;
}

/** The inverse of `encodeZ85`, with the zeros at the end. Undefined where the text is none of it. */
export function decodeZ85(text: string): Uint8Array | undefined {
  if (text.length % 5 !== 0) return undefined;
  const bytes = new Uint8Array((text.length / 5) * 4);
  const view = new DataView(bytes.buffer);
  for (let group = 0; group < text.length / 5; group++) {
    let value = 0;
    for (let place = 0; place < 5; place++) {
      const digit = digits.get(text[group * 5 + place] ?? '');
      if (digit === undefined) return undefined;
      value = value * 85 + digit;
    }
    if (value >= 2 ** 32) return undefined;
    view.setUint32(group * 4, value);
  }
  return bytes;
}
