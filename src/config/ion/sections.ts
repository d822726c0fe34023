/** A file of ION's as what its programs read: one program for most, several for a combined `.rc`. */

import { show } from './parse-line.ts'
import type { Notice, Problem } from './problem.ts'
import { isProgramName, PROGRAMS, type ProgramName, START_ORDER } from './programs.ts'
import { type Line, readLines } from './text.ts'

export interface IonSource {
  readonly file: string
  readonly text: string
}

/** The lines of one file that one program reads. */
export interface Unit {
  readonly file: string
  readonly program: ProgramName
  readonly lines: readonly Line[]
}

export interface SplitSource {
  readonly units: readonly Unit[]
  readonly problems: readonly Problem[]
  readonly notices: readonly Notice[]
}

/** One blank each, at the beginning of the line; the tag may be absent. */
const MARK = /^## (begin|end) (\S+)(?: (\S+))?[ \t]*$/
const ALMOST_MARK = /^\s*##?\s*(begin|end)\s+(\S+)/

/** `tag` chooses among sections that have one, as `ionstart -t` does. */
export function splitSource(source: IonSource, tag: string | undefined): SplitSource {
  const lines = readLines(source.text)
  if (lines.some(({ text }) => MARK.test(text))) return splitSections(source.file, lines, tag)
  const program = programOf(source.file)
  if (program !== undefined) {
    return { units: [{ file: source.file, program, lines }], problems: [], notices: [] }
  }
  const endings = Object.values(PROGRAMS).map(({ extension }) => `.${extension}`)
  const message = `a file that tells no program by its name: a name ending in ${endings.join(', ')}, or sections from "## begin bpadmin" to "## end bpadmin" would be right`
  return {
    units: [],
    problems: [{ code: 'ion/unknown-program', file: source.file, line: 1, column: 1, message }],
    notices: [],
  }
}

/** By the ending of its name: `bench.bprc`, or just `bprc`. */
function programOf(file: string): ProgramName | undefined {
  const ending = /(?:^|[./\\])([a-z]+)$/.exec(file)?.[1]
  return Object.values(PROGRAMS)
    .map(({ name, extension }) => (extension === ending ? name : ''))
    .find(isProgramName)
}

interface Section {
  readonly program: string
  readonly tag: string | undefined
  /** The number of its first line. */
  readonly begin: number
  readonly lines: Line[]
}

/** Something to say about a line, from its beginning. */
interface Remark {
  readonly line: number
  readonly message: string
}

function splitSections(file: string, lines: readonly Line[], tag: string | undefined): SplitSource {
  const { sections, wrong, strays } = collectSections(lines)
  const place = ({ line, message }: Remark): Notice => ({ file, line, column: 1, message })
  const unread = sections.filter(({ program }) => isStarted(program) && !isProgramName(program))
  const unknown = sections.filter(({ program }) => !isStarted(program))
  return {
    units: sections.flatMap(({ program, tag: own, lines: inner }) =>
      own === tag && isProgramName(program) ? [{ file, program, lines: inner }] : [],
    ),
    problems: [
      ...[...wrong, ...quarrels(sections)].map(
        (remark): Problem => ({ code: 'ion/bad-section', ...place(remark) }),
      ),
      ...unknown.map(({ program, begin }): Problem => {
        const message = `a section for ${show(program)}, which ION does not know: one of ${START_ORDER.join(', ')} would be right`
        const column = '## begin '.length + 1
        return { code: 'ion/unknown-program', file, line: begin, column, message }
      }),
    ],
    notices: [
      ...strays.slice(0, 1),
      ...unread.map(({ program, begin }) => ({
        line: begin,
        message: `the section ${program} is not read: lightlag has nothing that it sets up`,
      })),
    ].map(place),
  }
}

function isStarted(program: string): boolean {
  return (START_ORDER as readonly string[]).includes(program)
}

function collectSections(lines: readonly Line[]): {
  readonly sections: readonly Section[]
  readonly wrong: readonly Remark[]
  /** Lines outside sections that are commands to somebody. */
  readonly strays: readonly Remark[]
} {
  const sections: Section[] = []
  const wrong: Remark[] = []
  const strays: Remark[] = []
  let open: Section | undefined
  for (const { number, text } of lines) {
    const say = (message: string): void => {
      wrong.push({ line: number, message })
    }
    const [, edge, program = '', tag] = MARK.exec(text) ?? []
    const [, almost, name] = ALMOST_MARK.exec(text) ?? []
    const end = open === undefined ? '"## begin" before it' : `"## end ${open.program}"`
    if (edge === 'begin') {
      if (open !== undefined)
        say(`a section within that of ${open.program}: ${end} before it would be right`)
      open = { program, tag, begin: number, lines: [] }
      sections.push(open)
    } else if (edge === 'end') {
      if (open?.program !== program || open.tag !== tag) {
        say(`the end of a section ${show(program)} that has not begun: ${end} would be right`)
      }
      open = undefined
    } else if (almost !== undefined) {
      say(`a comment to ION: "## ${almost} ${name}" at the beginning of the line would be right`)
    } else if (open !== undefined) {
      open.lines.push({ number, text })
    } else if (/^\s*[^#\s]/.test(text)) {
      strays.push({ line: number, message: 'a line outside sections: ION does not read it' })
    }
  }
  if (open !== undefined) {
    const message = `a section without an end: "## end ${open.program}" after it would be right`
    wrong.push({ line: open.begin, message })
  }
  return { sections, wrong, strays }
}

/** Sections that ION does not take beside each other. */
function quarrels(sections: readonly Section[]): readonly Remark[] {
  const repeated = sections.filter(({ program, tag }, index) =>
    sections.slice(0, index).some((other) => other.program === program && other.tag === tag),
  )
  const hasIpn = sections.some(({ program }) => program === 'ipnadmin')
  const bss = sections.filter(({ program }) => program === 'bssadmin' && hasIpn)
  return [
    ...repeated.map(({ program, begin }) => ({
      line: begin,
      message: `a second section for ${program}: one would be right`,
    })),
    ...bss.map(({ begin }) => ({
      line: begin,
      message: 'a section for bssadmin beside one for ipnadmin: one of the two would be right',
    })),
  ]
}
