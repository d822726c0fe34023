/** What every admin program takes. */

import type { LetterGroup, Program, Rule, Rules } from '../grammar.ts'
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

const FIRST_GROUPS: readonly LetterGroup[] = [
  { letters: ['q'], titles: ['Quit'] },
  { letters: ['h'], titles: ['Help'] },
  { letters: ['?'], titles: ['Help'] },
  { letters: ['v'], titles: ['Print version of ION.'] },
]

const LAST_GROUPS: readonly LetterGroup[] = [
  { letters: ['t'], titles: ['Tell whether it is started'] },
  { letters: ['e'], titles: ['Enable or disable echo of printed output to log file'] },
]

type GroupName =
  | 'initialize'
  | 'add'
  | 'change'
  | 'deleteInfo'
  | 'list'
  | 'manage'
  | 'run'
  | 'start'
  | 'stop'
  | 'startStop'

/** Those that several programs have. */
export const GROUPS: Readonly<Record<GroupName, LetterGroup>> = {
  initialize: { letters: ['1'], titles: ['Initialize'] },
  add: { letters: ['a'], titles: ['Add'] },
  change: { letters: ['c'], titles: ['Change'] },
  deleteInfo: { letters: ['d', 'i'], titles: ['Delete', 'Info'] },
  list: { letters: ['l'], titles: ['List'] },
  manage: { letters: ['m'], titles: ['Manage'] },
  run: { letters: ['r'], titles: ['Run another program'] },
  start: { letters: ['s'], titles: ['Start'] },
  stop: { letters: ['x'], titles: ['Stop'] },
  startStop: { letters: ['s', 'x'], titles: ['Start', 'Stop'] },
}

/** A program of ION's usual kind; its groups come between those that all have. */
export function letterProgram(program: Omit<Program, 'dispatch'>): Program {
  const groups = [...FIRST_GROUPS, ...program.groups, ...LAST_GROUPS]
  return { ...program, dispatch: 'letter', groups }
}

/** `l plan`, of the plans. */
export function listRule(what: string): Rule<{ command: string }> {
  return { params: {}, summary: `Lists the ${what}`, explain: () => `list the ${what}` }
}

export interface WatchCommand {
  readonly command: 'w'
  readonly activity: string
}

/** `0`, `1`, or some of the letters in `known`. */
export function watchRule(
  known: string,
  { example, withoutEffect }: { readonly example: string; readonly withoutEffect: string },
): Rule<WatchCommand> {
  return {
    params: {
      activity: {
        placeholder: '{ 0 | 1 | <activity spec> }',
        expected: `0, 1, or some of ${known}`,
        read: (text) =>
          text === '0' || text === '1' || (text !== '' && [...text].every((c) => known.includes(c)))
            ? text
            : undefined,
        write: (activity) => activity,
      },
    },
    summary: 'Prints a character for each event of the chosen kinds, or for all or none',
    explain: ({ activity }) => {
      if (activity === '0') return 'watch nothing'
      return activity === '1' ? 'watch everything' : `watch ${activity}`
    },
    notes: [
      `Activity spec is a string of all requested activity indication characters, e.g., ${example}.`,
    ],
    withoutEffect,
  }
}

/** For explanations: `delete plan ipn:3.0`. */
const VERB_WORDS = {
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
