/** `mail -H` and `mail -p`: what is in a mailbox of this machine's host, as mailx shows it. */

import { fromUtf8, toLatin1, toUtf8 } from '../../base/bytes.ts'
import { toCivil } from '../../base/calendar.ts'
import { Failure } from '../../base/failure.ts'
import { asFault } from '../../base/fault.ts'
import { wallMs } from '../../base/time.ts'
import type { Disk } from '../../ports/disk.ts'
import { decodeWords } from '../../proto/message/encoded-word.ts'
import { HeaderReader } from '../../proto/message/header.ts'
import type { MailClient } from '../mail-client.ts'
import type { MailToolPorts } from './mail-tool.ts'

export interface MailInBox {
  /** `N` new, `U` seen by a program and not read, blank else. */
  readonly mark: string
  readonly arrivedAt: number
  readonly bytes: Uint8Array
}

type Ports = Pick<MailToolPorts, 'disk' | 'user' | 'output' | 'terminal' | 'offsetMs'>

const NO_MAIL = 1
const FROM_WIDTH = 24

/** A line for each mail. A Failure where there is none. */
export async function printHeaders(
  host: MailClient,
  user: string | undefined,
  ports: Ports,
): Promise<void> {
  const mails = await mailsOf(host, user, ports)
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
      dateOf(arrivedAt + ports.offsetMs(arrivedAt)),
      size.padStart(10),
      decodeWords(field('subject')),
    ]
    return `${shown(parts.join(' '), ports).trimEnd()}\n`
  })
  ports.output(fromUtf8(lines.join('')))
}

/** All of them, one after the other. A Failure where there is none. */
export async function printMails(
  host: MailClient,
  user: string | undefined,
  ports: Ports,
): Promise<void> {
  for (const [index, { bytes }] of (await mailsOf(host, user, ports)).entries()) {
    const text = toUtf8(bytes).replaceAll('\r\n', '\n')
    ports.output(fromUtf8(`Message ${index + 1}:\n${shown(text, ports).trimEnd()}\n\n`))
  }
}

async function mailsOf(
  host: MailClient,
  wanted: string | undefined,
  { user: own, disk }: Ports,
): Promise<readonly MailInBox[]> {
  const user = wanted ?? own
  const { maildir } = await host.about(user ?? '')
  if (maildir === undefined) {
    throw new Failure(NO_MAIL, `${user} has no mailbox here: "--user NAME" names another`)
  }
  const mails = await mailsIn(disk, maildir)
  if (mails.length === 0) throw new Failure(NO_MAIL, `No mail for ${user}`)
  return mails
}

/** In the order in which they came. A Failure where they cannot be read. */
export async function mailsIn(disk: Disk, maildir: string): Promise<readonly MailInBox[]> {
  const mails: MailInBox[] = []
  for (const part of ['new', 'cur']) {
    const folder = `${maildir}/${part}`
    // Nobody has written to this user yet.
    const names = (await absentAs([], folder, () => disk.list(folder))) as readonly string[]
    for (const name of names) {
      const path = `${folder}/${name}`
      // Another program may take it away, or mark it, in this moment.
      const mail = await absentAs(undefined, path, async () => {
        const arrivedAt = (await disk.stat(path))?.modifiedMs ?? 0
        const reader = await disk.open(path)
        try {
          const mark = part === 'new' ? 'N' : /:2,[A-Z]*S/i.test(name) ? ' ' : 'U'
          return { mark, arrivedAt, bytes: await reader.read(0, reader.sizeBytes) }
        } finally {
          await reader.close()
        }
      })
      if (mail !== undefined) mails.push(mail)
    }
  }
  return mails.sort((a, b) => a.arrivedAt - b.arrivedAt)
}

async function absentAs<T, Absent>(
  absent: Absent,
  path: string,
  read: () => Promise<T>,
): Promise<T | Absent> {
  try {
    return await read()
  } catch (error) {
    const { code } = asFault(error)
    if (code === 'disk/not-found') return absent
    const reason = code.slice('disk/'.length).replaceAll('-', ' ')
    throw new Failure(NO_MAIL, `cannot read ${path}: ${reason}`)
  }
}

const DAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** `Mon Nov 23 08:00`. */
function dateOf(ms: number): string {
  const { weekday, month, day, hour, minute } = toCivil(wallMs(Math.floor(ms)))
  const two = (value: number): string => String(value).padStart(2, '0')
  const time = `${two(hour)}:${two(minute)}`
  return `${DAYS[weekday]} ${MONTHS[month - 1]} ${String(day).padStart(2)} ${time}`
}

/** At a terminal, nothing that a mail has in it may act on it. */
function shown(text: string, { terminal }: Ports): string {
  if (!terminal.output) return text
  return text.replace(/[^\P{Cc}\n\t]|[\p{Cf}]/gu, '?')
}
