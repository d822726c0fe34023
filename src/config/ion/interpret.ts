/** The admin programs at run time: a line from standard input or a file, for the node to carry out. */

import { parseLine } from './parse-line.ts'
import type { IonCommand, ProgramName } from './programs.ts'

export type Interpreted =
  | { readonly type: 'nothing' }
  | { readonly type: 'command'; readonly read: IonCommand }
  /** What to print: ION's words first, then what was read and what would be right. */
  | { readonly type: 'refused'; readonly lines: readonly string[] }

/** `lineNumber` is that of the input, from 1. Throws nothing, whatever the text. */
export function interpretLine(program: ProgramName, text: string, lineNumber: number): Interpreted {
  const parsed = parseLine(program, text)
  switch (parsed.kind) {
    case 'blank':
    case 'comment':
      return { type: 'nothing' }
    case 'command':
      return { type: 'command', read: parsed.read }
    case 'refused': {
      const reply = parsed.problems[0]?.reply ?? ''
      const place = reply === 'Syntax error' ? ` at line ${lineNumber} of ${program}` : ''
      const advice = parsed.problems.map(({ column, message }) => `column ${column}: ${message}`)
      return { type: 'refused', lines: [`${reply}${place}`, ...advice] }
    }
  }
}
