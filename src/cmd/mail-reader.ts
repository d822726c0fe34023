/** `mail -H` and `mail -p`: what is in a mailbox of this machine's host, as mailx shows it. */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { toLatin1, toUtf8 } from '../base/bytes.ts'
import type { MailClient } from '../bridge/mail-client.ts'
import { decodeWords } from '../proto/message/encoded-word.ts'
import { HeaderReader } from '../proto/message/header.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'

interface Mail {
  /** `N` new, `U` seen by a program and not read, blank else. */
  readonly mark: string
  readonly arrivedAt: Date
  readonly bytes: Uint8Array
}

const FROM_WIDTH = 24

/** A line for each mail. A Failure where there is none. */
export async function printHeaders(host: MailClient, user: string | undefined): Promise<void> {
  const mails = await mailsOf(host, user)
  const lines = mails.map(({ mark, arrivedAt, bytes }, index) => {
    const header = new HeaderReader()
    header.push(bytes)
    header.end()
    const field = (name: string): string =>
      header.fields.find((field) => field.name === name)?.value ?? ''
    const author = field('from') || field('return-path')
    const from = /<([^>]*)>/.exec(author)?.[1] ?? author
    const size = `${toLatin1(bytes).split('\n').length - 1}/${bytes.length}`
    const parts = [
      `${index === 0 ? '>' : ' '}${mark}${String(index + 1).padStart(3)}`,
      from.slice(0, FROM_WIDTH).padEnd(FROM_WIDTH),
      dateOf(arrivedAt),
      size.padStart(10),
      decodeWords(field('subject')),
    ]
    return shown(parts.join(' '))
  })
  process.stdout.write(lines.map((line) => `${line.trimEnd()}\n`).join(''))
}

/** All of them, one after the other. A Failure where there is none. */
export async function printMails(host: MailClient, user: string | undefined): Promise<void> {
  for (const [index, { bytes }] of (await mailsOf(host, user)).entries()) {
    const text = toUtf8(bytes).replaceAll('\r\n', '\n')
    process.stdout.write(`Message ${index + 1}:\n${shown(text).trimEnd()}\n\n`)
  }
}

/** In the order in which they came. */
async function mailsOf(host: MailClient, user = userInfo().username): Promise<readonly Mail[]> {
  const { maildir } = await host.about(user)
  if (maildir === undefined) {
    throw new Failure(EXIT.failed, `${user} has no mailbox here: "--user NAME" names another`)
  }
  const files = ['new', 'cur'].flatMap((part) =>
    namesIn(join(maildir, part)).map((name) => ({ part, name, path: join(maildir, part, name) })),
  )
  const mails = files.flatMap(({ part, name, path }): readonly Mail[] => {
    try {
      const mark = part === 'new' ? 'N' : /:2,[A-Z]*S/i.test(name) ? ' ' : 'U'
      return [{ mark, arrivedAt: statSync(path).mtime, bytes: readFileSync(path) }]
    } catch (error) {
      // Another program may take it away, or mark it, in this moment.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw new Failure(EXIT.failed, `cannot read ${path}: ${reasonOf(error)}`)
    }
  })
  if (mails.length === 0) throw new Failure(EXIT.failed, `No mail for ${user}`)
  return mails.sort((a, b) => a.arrivedAt.getTime() - b.arrivedAt.getTime())
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    // Nobody has written to this user yet.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new Failure(EXIT.failed, `cannot read ${folder}: ${reasonOf(error)}`)
  }
}

const DAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** `Mon Nov 23 08:00`, where we are. */
function dateOf(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`
  const day = String(date.getDate()).padStart(2)
  return `${DAYS[date.getDay()]} ${MONTHS[date.getMonth()]} ${day} ${time}`
}

/** At a terminal, nothing that a mail has in it may act on it. */
function shown(text: string): string {
  if (!process.stdout.isTTY) return text
  return text.replace(/[^\P{Cc}\n\t]|[\p{Cf}]/gu, '?')
}
