/** Words in pictures: cut into lines, and fit for a terminal. */

/** Cells of a terminal that a text takes up. */
export function cellsOf(text: string): number {
  let cells = 0
  for (const character of text) cells += isWide(character.codePointAt(0) ?? 0) ? 2 : 1
  return cells
}

/** East Asian letters and pictures. */
function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xfe30 && code <= 0xfe6f) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff)
  )
}

/** Without what would move a terminal's cursor or turn its text around. */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about
    /[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu,
    '\ufffd',
  )
}

/** Lines of at most so many cells, cut at spaces where there are some; one at least. */
export function wrap(text: string, cellsMax: number): readonly string[] {
  const lines: string[] = []
  let rest = text
  while (cellsOf(rest) > cellsMax) {
    const fitting = firstCells(rest, cellsMax)
    const space = fitting.lastIndexOf(' ')
    const cut = space > fitting.length / 2 ? space : fitting.length
    lines.push(rest.slice(0, cut))
    rest = rest.slice(cut).replace(/^ /, '')
  }
  return [...lines, rest]
}

function firstCells(text: string, cellsMax: number): string {
  let cells = 0
  let length = 0
  for (const character of text) {
    cells += cellsOf(character)
    if (cells > cellsMax) break
    length += character.length
  }
  return text.slice(0, Math.max(1, length))
}
