/** `ionconfig`: the sizes and places of ION's shared memory, one `name value` per line. */

import type { Program, Rule, Rules } from '../grammar.ts'
import { whole, word } from '../params.ts'

type NumberName =
  | 'sdrWmSize'
  | 'wmKey'
  | 'wmSize'
  | 'wmAddress'
  | 'configFlags'
  | 'heapWords'
  | 'heapKey'
  | 'logKey'
  | 'logSize'

export type IonconfigCommand =
  | { readonly command: NumberName; readonly value: number }
  | { readonly command: 'sdrName' | 'pathName'; readonly text: string }

const WITHOUT_EFFECT = 'there is no shared memory and no heap'

const RULES: Rules<IonconfigCommand> = {
  sdrName: text('<name>', 'a name such as ion2', 'the name of the heap'),
  sdrWmSize: number('the memory of the heap itself, in bytes'),
  wmKey: number('the key of the shared memory, one for each node of a machine', -1),
  wmSize: number('the size of the shared memory, in bytes'),
  wmAddress: number('the address of the shared memory'),
  configFlags: number(
    'where the heap is: 1 in memory, 2 in a file, 4 with a transaction log, 8 with bounds checked',
  ),
  heapWords: number('the size of the heap, in words of 8 bytes'),
  heapKey: number('the key of the heap', -1),
  logKey: number('the key of the transaction log', -1),
  logSize: number('the size of the transaction log in memory, in bytes'),
  pathName: text('<folder>', 'a folder such as /tmp', 'the folder of the heap and its log'),
}

export const IONCONFIG: Program = {
  name: 'ionconfig',
  extension: 'ionconfig',
  purpose: 'the sizes of shared memory',
  dispatch: 'keyword',
  tokensMax: 9,
  groups: Object.keys(RULES).map((name) => ({ letters: [name], titles: ['Set'] })),
  rules: RULES,
}

function number(meaning: string, min = 0): Rule<{ command: NumberName; value: number }> {
  return {
    params: { value: whole('<number>', 'a number', { min, max: Number.MAX_SAFE_INTEGER }) },
    summary: `Sets ${meaning}`,
    explain: ({ value }) => `set ${meaning}: ${value}`,
    withoutEffect: WITHOUT_EFFECT,
  }
}

function text(
  placeholder: string,
  expected: string,
  meaning: string,
): Rule<{ command: 'sdrName' | 'pathName'; text: string }> {
  return {
    params: { text: word(placeholder, expected) },
    summary: `Sets ${meaning}`,
    explain: ({ text: value }) => `set ${meaning}: ${value}`,
    withoutEffect: WITHOUT_EFFECT,
  }
}
