/** What every admin program takes. */

import type { LetterGroup, Rules } from '../grammar.ts'
import { choice, onOff, optional, whole } from '../params.ts'

export type CommonCommand =
  | { readonly command: 'q' | 'h' | '?' | 'v' }
  | { readonly command: 'e'; readonly isOn: boolean }
  | { readonly command: 't'; readonly mode?: 'p'; readonly timeoutSec?: number }

export const COMMON_RULES: Rules<CommonCommand> = {
  q: {
    params: {},
    summary: 'Ends the program; in a file, the lines after it are not read',
    explain: () => 'stop reading here',
  },
  h: { params: {}, summary: 'Prints this help', explain: () => 'print the help' },
  '?': { params: {}, summary: 'Prints this help', explain: () => 'print the help' },
  v: { params: {}, summary: 'Prints the version', explain: () => 'print the version' },
  e: {
    params: { isOn: onOff },
    summary: 'Writes what is printed to the log too, or stops doing so',
    explain: ({ isOn }) =>
      isOn ? 'write what is printed to the log too' : 'write what is printed to the log no more',
    withoutEffect: 'the log has lines of its own',
  },
  t: {
    params: {
      mode: optional(choice('p', ['p'])),
      timeoutSec: optional(whole('<seconds>', 'the longest wait')),
    },
    summary: 'Tells whether it is started, at once or after waiting for it, then ends the program',
    explain: ({ mode }) =>
      mode === 'p' ? 'wait until it is started, then end' : 'tell whether it is started, then end',
  },
}

export const FIRST_GROUPS: readonly LetterGroup[] = [
  { letters: ['q'], titles: ['Quit'] },
  { letters: ['h'], titles: ['Help'] },
  { letters: ['?'], titles: ['Help'] },
  { letters: ['v'], titles: ['Print version of ION.'] },
]

export const LAST_GROUPS: readonly LetterGroup[] = [
  { letters: ['t'], titles: ['Tell whether it is started'] },
  { letters: ['e'], titles: ['Enable or disable echo of printed output to log file'] },
]

export const ADD: LetterGroup = { letters: ['a'], titles: ['Add'] }
export const CHANGE: LetterGroup = { letters: ['c'], titles: ['Change'] }
export const DELETE_INFO: LetterGroup = { letters: ['d', 'i'], titles: ['Delete', 'Info'] }
export const LIST: LetterGroup = { letters: ['l'], titles: ['List'] }
export const MANAGE: LetterGroup = { letters: ['m'], titles: ['Manage'] }
export const RUN: LetterGroup = { letters: ['r'], titles: ['Run another program'] }
export const START_STOP: LetterGroup = { letters: ['s', 'x'], titles: ['Start', 'Stop'] }

/** For explanations: `delete plan ipn:3.0`. */
export const VERB_WORDS = {
  a: 'add',
  c: 'change',
  d: 'delete',
  i: 'show',
  l: 'list',
  b: 'block',
  u: 'unblock',
  s: 'start',
  x: 'stop',
} as const

/** `show` of the command `i plan`. */
export function verbWord({ command }: { readonly command: string }): string {
  const verbs: Readonly<Record<string, string>> = VERB_WORDS
  return verbs[command.charAt(0)] ?? command
}
