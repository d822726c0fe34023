/** The command line of `sendmail`, and what its `-t` reads of a message. */

import { fromLatin1, toLatin1 } from '../base/bytes.ts'
import type { MailParameters, NotifyKind } from '../proto/smtp/envelope.ts'

export type SendmailArguments =
  | {
      readonly type: 'submit'
      /** `-f`; undefined: whoever runs the program. */
      readonly from: string | undefined
      /** `-F`, for a message without a From field. */
      readonly fullName: string | undefined
      readonly recipients: readonly string[]
      /** `-t`: those of the header too. */
      readonly isFromHeader: boolean
      /** Without `-i` or `-oi`: a line of one dot ends the message. */
      readonly endsAtDot: boolean
      /** `-R` and `-V`, as of MAIL. RFC 3461 §4.3, §4.4. */
      readonly parameters: Pick<MailParameters, 'ret' | 'envelopeId'>
      /** `-N`, for every recipient. RFC 3461 §4.1. */
      readonly notify: readonly NotifyKind[] | undefined
    }
  | { readonly type: 'list' }
  | { readonly type: 'flush' }
  /** `-bs`: SMTP on standard input and output. */
  | { readonly type: 'dialogue' }
  /** `-bi`, `newaliases`: nothing has to be done for it. */
  | { readonly type: 'nothing' }
  | { readonly type: 'wrong'; readonly message: string }

/** As sendmail's: the value of an option may stand in a word of its own. */
export function parseSendmail(words: readonly string[]): SendmailArguments {
  let [from, fullName, envelopeId]: (string | undefined)[] = []
  let ret: MailParameters['ret']
  let notify: readonly NotifyKind[] | undefined
  let [isFromHeader, endsAtDot, areRecipients] = [false, true, false]
  const recipients: string[] = []
  const left = [...words]
  for (let word = left.shift(); word !== undefined; word = left.shift()) {
    if (areRecipients || !word.startsWith('-')) {
      recipients.push(word)
      continue
    }
    const option = word.slice(0, 2)
    const value = (): string => (word?.slice(2) || left.shift()) ?? ''
    if (word === '--') areRecipients = true
    else if (word === '-t' || word === '-ti') {
      isFromHeader = true
      if (word === '-ti') endsAtDot = false
    } else if (word === '-i' || word === '-oi') endsAtDot = false
    else if (option === '-f' || option === '-r') from = value().replace(/^<(.*)>$/, '$1')
    else if (option === '-F') fullName = value()
    else if (option === '-R') {
      const much = value()
      if (!/^(?:full|hdrs)$/i.test(much)) return wrong(`-R ${much}: full or hdrs`)
      ret = much.toUpperCase() as MailParameters['ret']
    } else if (option === '-V') envelopeId = value()
    else if (option === '-N') {
      const kinds = value()
      notify = notifyKinds(kinds)
      if (notify === undefined) return wrong(`-N ${kinds}: never, or some of success,failure,delay`)
    } else if (word === '-bp') return { type: 'list' }
    else if (word === '-q') return { type: 'flush' }
    else if (word === '-bs') return { type: 'dialogue' }
    else if (word === '-bi' || word === '-I') return { type: 'nothing' }
    else if (/^-(?:bm|o[^i]?.*|n|[vmU]|[BOhLXC].*|em|G)$/.test(word)) {
      // What Postfix takes for the sake of old programs, too.
      if (/^-[BOhLXCo]$/.test(word)) left.shift()
    } else return { type: 'wrong', message: `unknown option ${word}` }
  }
  const parameters = { ...(ret && { ret }), ...(envelopeId !== undefined && { envelopeId }) }
  const how = { isFromHeader, endsAtDot, parameters, notify }
  return { type: 'submit', from, fullName, recipients, ...how }
}

function wrong(what: string): SendmailArguments {
  return { type: 'wrong', message: `${what} would be right` }
}

function notifyKinds(text: string): readonly NotifyKind[] | undefined {
  const kinds = text.toLowerCase().split(',')
  if (kinds.length === 1 && kinds[0] === 'never') return ['never']
  const all: readonly NotifyKind[] = ['success', 'failure', 'delay']
  return kinds.every((kind) => all.some((known) => known === kind))
    ? (kinds as NotifyKind[])
    : undefined
}

/** The recipients that a header names, and the message without its Bcc. RFC 5322 §3.6.3. */
export function takeRecipients(message: Uint8Array): {
  readonly recipients: readonly string[]
  readonly message: Uint8Array
} {
  const text = toLatin1(message)
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length
  const fields = text.slice(0, end).split(/\r?\n(?![ \t])/)
  const recipients: string[] = []
  const kept = fields.filter((field) => {
    const [, name = '', value = ''] = /^(to|cc|bcc)[ \t]*:(.*)$/is.exec(field) ?? []
    recipients.push(...addressesOf(value))
    return name.toLowerCase() !== 'bcc'
  })
  const ending = text.includes('\r\n') ? '\r\n' : '\n'
  return { recipients, message: fromLatin1(kept.join(ending) + text.slice(end)) }
}

/** Of `Ann <ann@a.com>, team: bob@b.com (Bob);`; what is no address stays for others to refuse. */
export function addressesOf(list: string): readonly string[] {
  const plain = list.replace(/\((?:[^()\\]|\\.)*\)/g, ' ').replace(/\r?\n/g, '')
  const parts = plain.match(/(?:"(?:[^"\\]|\\.)*"|<[^>]*>|[^,;:"<])+/g) ?? []
  return parts.flatMap((part) => {
    const angle = /<\s*([^>]*?)\s*>/.exec(part)?.[1]
    const address = angle ?? part.trim()
    const isName = angle === undefined && plain.includes(`${part}:`)
    return address === '' || isName ? [] : [address]
  })
}
