/** Which of a trial's mails a message is, or what it reports of them. */

import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { type Random, seededRandom } from '../../base/random.ts'
import { hostName, USER } from './stage.ts'
import type { TrialMail } from './trial.ts'

export interface SightedMail {
  /** Its Message-ID, which no other has. */
  readonly identity: string
  /** `m3`, or for each recipient of a report `failed m3 user@host-2.a.com`. None may come twice. */
  readonly about: readonly string[]
}

/** What is submitted: of so many octets, which nothing makes smaller. */
export function writeMail(mail: TrialMail, seed: number): Uint8Array {
  const random = seededRandom(seed + Number(mail.name.slice(1)))
  const head = [
    `From: <${USER.user}@${hostName(mail.from)}>`,
    `To: <${USER.user}@${hostName(mail.to[0]?.host ?? mail.from)}>`,
    `Subject: trial mail ${mail.name}.`,
    '',
    '',
  ].join('\r\n')
  const lines = Array.from({ length: Math.ceil(mail.bytes / LINE_LENGTH) }, () => line(random))
  return fromLatin1(head + lines.join(''))
}

const LINE_LENGTH = 64

function line(random: Random): string {
  const letter = (): string => String.fromCharCode(97 + Math.floor(random.next() * 26))
  return `${Array.from({ length: LINE_LENGTH - 2 }, letter).join('')}\r\n`
}

export function readMail(text: string): SightedMail {
  const identity = /^Message-ID:\s+(\S+)/im.exec(text)?.[1] ?? text.slice(0, 200)
  const name = /^Subject: trial mail (m\d+)\.\r$/m.exec(text)?.[1] ?? 'nothing'
  if (!/^Content-Type: multipart\/report/im.test(text)) return { identity, about: [name] }
  const about: string[] = []
  const recipients = /^Final-Recipient: rfc822; ?(\S+)\r\n(?:[^\r]+\r\n)*?Action: (\w+)/gim
  for (const [, recipient, action] of text.matchAll(recipients)) {
    about.push(`${action} ${name} ${recipient}`)
  }
  return { identity, about }
}

export function readMailBytes(bytes: Uint8Array): SightedMail {
  return readMail(toLatin1(bytes))
}
