/** The command line of `mail`, as `lightlag mail` has it too. */

import type { MailArguments } from '../../bridge/tools/mail-programs.ts'

export type ParsedMail =
  | { readonly type: 'mail'; readonly to: readonly string[]; readonly options: MailArguments }
  | { readonly type: 'wrong'; readonly message: string }

type Valued = 'subject' | 'cc' | 'from' | 'user'

const VALUED: Readonly<Record<string, Valued>> = {
  '-s': 'subject',
  '--subject': 'subject',
  '-c': 'cc',
  '--cc': 'cc',
  '-r': 'from',
  '--from': 'from',
  '-u': 'user',
  '--user': 'user',
}
const LOOKS: Readonly<Record<string, 'headers' | 'print'>> = {
  '-H': 'headers',
  '--headers': 'headers',
  '-p': 'print',
  '--print': 'print',
}

export function parseMail(words: readonly string[]): ParsedMail {
  const to: string[] = []
  const values: Partial<Record<Valued, string>> = {}
  const looks: { headers?: true; print?: true } = {}
  const left = [...words]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    const valued = VALUED[word]
    const look = LOOKS[word]
    if (valued !== undefined) {
      const value = left.shift()
      if (value === undefined) return { type: 'wrong', message: `${word} needs a value` }
      values[valued] = value
    } else if (look !== undefined) looks[look] = true
    else if (word.startsWith('-')) {
      const message = `unknown option ${word}: -s, -c, -r, -H, -p or -u would be right`
      return { type: 'wrong', message }
    } else to.push(word)
  }
  if (looks.headers && looks.print) return { type: 'wrong', message: '-H or -p, not both' }
  return { type: 'mail', to, options: { ...values, ...looks } }
}
