/** `ionsecrc`: the keys of the node. */

import { type Program, perVerb, type Rules } from '../grammar.ts'
import { word } from '../params.ts'
import {
  COMMON_RULES,
  type CommonCommand,
  GROUPS,
  letterProgram,
  listRule,
  verbWord,
} from './common.ts'

export type IonsecadminCommand =
  | CommonCommand
  | { readonly command: '1' }
  | { readonly command: `${'a' | 'c'} key`; readonly name: string; readonly file: string }
  | { readonly command: `${'d' | 'i'} key`; readonly name: string }
  | { readonly command: 'l key' }

const name = word('<key name>', 'the name of a key')
const withoutEffect = 'no security operation uses keys yet'

const RULES: Rules<IonsecadminCommand> = {
  ...COMMON_RULES,
  '1': {
    params: {},
    summary: 'Creates the security database',
    explain: () => 'create the security database',
  },
  ...perVerb(['a', 'c'], 'key', (verb) => ({
    params: {
      name,
      file: word('<name of file containing key value>', 'a file that holds the key'),
    },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} a key; its value is what the file holds`,
    explain: (command: {
      readonly command: string
      readonly name: string
      readonly file: string
    }) => `${verbWord(command)} key ${command.name} from ${command.file}`,
    withoutEffect,
  })),
  ...perVerb(['d', 'i'], 'key', (verb) => ({
    params: { name },
    summary: verb === 'd' ? 'Deletes a key' : "Shows a key's name and length",
    explain: (command: { readonly command: string; readonly name: string }) =>
      `${verbWord(command)} key ${command.name}`,
    withoutEffect,
  })),
  'l key': { ...listRule('keys'), withoutEffect },
}

export const IONSECADMIN: Program = letterProgram({
  name: 'ionsecadmin',
  extension: 'ionsecrc',
  purpose: "the node's keys",
  tokensMax: 9,
  groups: [GROUPS.initialize, GROUPS.add, GROUPS.change, GROUPS.deleteInfo, GROUPS.list],
  rules: RULES,
})
