/**
 * The few words of SVG that the pictures are written in. Every text is escaped here, whatever a peer
 * has put into it; colours follow the reader's choice of light or dark.
 */

export type Colour = 'ink' | 'faint' | 'bad' | 'c0' | 'c1' | 'c2' | 'c3' | 'c4' | 'c5'

/** In light and in dark. */
const COLOURS: Readonly<Record<Colour, readonly [string, string]>> = {
  ink: ['#1f2328', '#e6edf3'],
  faint: ['#848d97', '#7d8590'],
  bad: ['#cf222e', '#ff7b72'],
  c0: ['#0969da', '#58a6ff'],
  c1: ['#1a7f37', '#3fb950'],
  c2: ['#bc4c00', '#f0883e'],
  c3: ['#8250df', '#bc8cff'],
  c4: ['#1b7c83', '#39c5cf'],
  c5: ['#bf3989', '#f778ba'],
}
const SERIES: readonly Colour[] = ['c0', 'c1', 'c2', 'c3', 'c4', 'c5']

/** What boxes are filled with, in light and in dark. */
const FILLS = {
  page: ['#ffffff', '#0d1117'],
  box: ['#f6f8fa', '#161b22'],
  band: ['#ddf4ff', '#12304f'],
  note: ['#fff8c5', '#3a3000'],
} as const
export type Fill = keyof typeof FILLS

export interface TextOptions {
  readonly anchor?: 'start' | 'middle' | 'end'
  readonly colour?: Colour
  readonly isBold?: boolean
  /** In degrees, around the text's own place. */
  readonly turned?: number
}

export const FONT_PX = 13
export const LINE_PX = 17

/** The series with this number; they begin anew where there are more than colours. */
export function seriesColour(index: number): Colour {
  return SERIES[index % SERIES.length] as Colour
}

/** A whole document. `title` is what a screen reader says. */
export function svgDocument(
  size: { readonly width: number; readonly height: number },
  title: string,
  body: readonly string[],
): string {
  const { width, height } = { width: Math.ceil(size.width), height: Math.ceil(size.height) }
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="system-ui, 'Liberation Sans', Arial, sans-serif" font-size="${FONT_PX}">`,
    `<title>${xmlText(title)}</title>`,
    `<style>${styles()}</style>`,
    box({ x: 0, y: 0, width, height }, 'page'),
    ...body,
    '</svg>',
    '',
  ].join('\n')
}

export interface Line {
  readonly from: Point
  readonly to: Point
}

export interface Point {
  readonly x: number
  readonly y: number
}

export function line({ from, to }: Line, colour: Colour, dashes?: string): string {
  const dashed = dashes === undefined ? '' : ` stroke-dasharray="${dashes}"`
  return `<line x1="${px(from.x)}" y1="${px(from.y)}" x2="${px(to.x)}" y2="${px(to.y)}" class="s-${colour}"${dashed}/>`
}

/** With a head at its end. */
export function arrow(way: Line, colour: Colour, dashes?: string): string {
  const { from, to } = way
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1
  const [dx, dy] = [(to.x - from.x) / length, (to.y - from.y) / length]
  const head = [
    [to.x, to.y],
    [to.x - 8 * dx + 3.5 * dy, to.y - 8 * dy - 3.5 * dx],
    [to.x - 8 * dx - 3.5 * dy, to.y - 8 * dy + 3.5 * dx],
  ]
  const points = head.map(([x = 0, y = 0]) => `${px(x)},${px(y)}`).join(' ')
  return `${line(way, colour, dashes)}<polygon points="${points}" class="f-${colour}"/>`
}

/** Where something got lost. */
export function cross({ x, y }: Point): string {
  const half = 4.5
  return [
    line({ from: { x: x - half, y: y - half }, to: { x: x + half, y: y + half } }, 'bad'),
    line({ from: { x: x - half, y: y + half }, to: { x: x + half, y: y - half } }, 'bad'),
  ].join('')
}

export function path(points: readonly Point[], colour: Colour): string {
  const d = points.map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('')
  return `<path d="${d}" class="s-${colour}" fill="none"/>`
}

export interface Box extends Point {
  readonly width: number
  readonly height: number
}

export function box({ x, y, width, height }: Box, fill: Fill, colour?: Colour): string {
  const stroke = colour === undefined ? '' : ` s-${colour}`
  return `<rect x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" class="b-${fill}${stroke}"/>`
}

/** A filled span; `said` is what shows when one points at it. */
export function bar({ x, y, width, height }: Box, colour: Colour, said: string): string {
  return `<rect x="${px(x)}" y="${px(y)}" width="${px(width)}" height="${px(height)}" class="f-${colour}"><title>${xmlText(said)}</title></rect>`
}

/** `at` is on the base line. */
export function text({ x, y }: Point, said: string, options: TextOptions = {}): string {
  const { anchor = 'start', colour = 'ink', isBold, turned } = options
  const attributes = [
    `x="${px(x)}" y="${px(y)}" class="f-${colour}"`,
    anchor === 'start' ? '' : ` text-anchor="${anchor}"`,
    isBold ? ' font-weight="600"' : '',
    turned === undefined ? '' : ` transform="rotate(${px(turned)} ${px(x)} ${px(y)})"`,
  ]
  return `<text ${attributes.join('')}>${xmlText(said)}</text>`
}

/** About what a text takes up, in pixels: nobody here knows the reader's letters. */
export function textWidth(said: string): number {
  let width = 0
  for (const character of said) {
    const code = character.codePointAt(0) ?? 0
    // East Asian letters and pictures are as wide as they are high.
    const share = code >= 0x1100 ? 1 : /[ilj.,:;'|!()[\] ]/.test(character) ? 0.33 : 0.6
    width += /[A-Zmw@%]/.test(character) ? 0.75 : share
  }
  return width * FONT_PX
}

/** A text that is a text to a reader of XML; what XML cannot have at all is shown as U+FFFD. */
function xmlText(said: string): string {
  return (
    said
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 has no place for them
      .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]|\p{Surrogate}/gu, '\ufffd')
      // A right-to-left override would turn around what stands behind it.
      .replace(/[\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
      .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
  )
}

function styles(): string {
  const rules = (mode: 0 | 1): string =>
    [
      ...Object.entries(COLOURS).flatMap(([name, pair]) => [
        `.s-${name}{stroke:${pair[mode]}}`,
        `.f-${name}{fill:${pair[mode]}}`,
      ]),
      ...Object.entries(FILLS).map(([name, pair]) => `.b-${name}{fill:${pair[mode]}}`),
    ].join('')
  return `line,path{stroke-width:1.3}rect{stroke-width:1}${rules(0)}@media(prefers-color-scheme:dark){${rules(1)}}`
}

/** To a tenth of a pixel. */
function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}
