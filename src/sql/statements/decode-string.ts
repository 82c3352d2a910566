const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** The text that a string literal stands for; undefined for bits and bytes (`x'00'`). */
export function decodeString(literal: string): string | undefined {
  if (literal.startsWith("'")) return literal.slice(1, -1).replaceAll("''", "'");
  if (literal.startsWith('$')) {
    const tag = literal.indexOf('$', 1) + 1;
    return literal.slice(tag, -tag);
  }
  if (!/^e/i.test(literal)) return undefined;
  return literal
    .slice(2, -1)
    .replaceAll(
      /''|\\(?:x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|([\s\S]))/g,
      (_all, hex?: string, short?: string, long?: string, octal?: string, char?: string) => {
        if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
        const code = hex ?? short ?? long;
        if (code !== undefined) return fromCodePoint(Number.parseInt(code, 16));
        return char === undefined ? "'" : (escapes[char] ?? char);
      },
    );
}

function fromCodePoint(code: number): string {
  return code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
}
