/**
 * What a peer says is data: no line end, escape sequence or reordering of its own may reach the
 * reader of a log, or his terminal. Escaped as JSON escapes, so that a JSON line stays one.
 */
export function visible(line: string): string {
  return PRINTABLE.test(line) ? line : escaped(line)
}

const PRINTABLE = /^[ -~]*$/

function escaped(line: string): string {
  return line.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  )
}
