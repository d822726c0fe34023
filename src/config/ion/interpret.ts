/** A line for an admin program of a running node, from standard input or a file. */

import { type ParsedLine, parseLine } from './parse-line.ts'
import { formatNotice } from './problem.ts'
import type { ProgramName } from './programs.ts'
import type { Step } from './read.ts'

export type Interpreted =
  | { readonly type: 'nothing' }
  | { readonly type: 'command'; readonly step: Step; readonly notes: readonly string[] }
  /** What to print: ION's words first, then what was read and what would be right. */
  | { readonly type: 'refused'; readonly lines: readonly string[] }

/** Throws nothing, whatever the text. */
export function interpretLine(
  program: ProgramName,
  text: string,
  { file, line }: { readonly file: string; readonly line: number },
): Interpreted {
  const parsed: ParsedLine = parseLine(program, text)
  switch (parsed.kind) {
    case 'blank':
    case 'comment':
      return { type: 'nothing' }
    case 'command': {
      const { read, rule, column, columns } = parsed
      const notes = parsed.notes.map((note) => formatNotice({ file, line, ...note }))
      return { type: 'command', step: { file, line, read, rule, column, columns }, notes }
    }
    case 'refused': {
      const reply = parsed.problems[0]?.reply ?? ''
      const place = reply === 'Syntax error' ? ` at line ${line} of ${program}` : ''
      const advice = parsed.problems.map((problem) => formatNotice({ file, line, ...problem }))
      return { type: 'refused', lines: [`${reply}${place}`, ...advice] }
    }
  }
}
