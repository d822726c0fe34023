/** The queue as Postfix's mailq prints it. */

import { toCivil } from '../base/calendar.ts'
import { addMs, wallMs } from '../base/time.ts'
import { visible } from '../base/visible.ts'

export interface ListedMail {
  readonly queueId: string
  readonly state: 'active' | 'deferred' | 'hold'
  readonly sizeBytes: number
  readonly acceptedAt: number
  readonly releaseAt?: number
  readonly sender: string
  readonly recipients: readonly {
    readonly address: string
    readonly route?: string
    readonly reason?: string
    /** When it is predicted to be there. */
    readonly arrivalAt?: number
  }[]
}

const MARKS = { active: '*', deferred: ' ', hold: '!' } as const
const HEAD = '-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------'
const INDENT = ' '.repeat(41)

/** `offsetMs` is what local time is ahead of UTC. */
export function formatQueue(mails: readonly ListedMail[], offsetMs: number): string {
  if (mails.length === 0) return 'Mail queue is empty\n'
  const blocks = mails.map((mail) => {
    const sender = mail.sender === '' ? 'MAILER-DAEMON' : mail.sender
    const id = `${mail.queueId}${MARKS[mail.state]}`.padEnd(11)
    const size = String(mail.sizeBytes).padStart(8)
    const lines = [`${id} ${size} ${timeOf(mail.acceptedAt + offsetMs)}  ${sender}`]
    if (mail.releaseAt !== undefined) {
      lines.push(remark(`held back until ${timeOf(mail.releaseAt + offsetMs)}`))
    }
    let reason: string | undefined
    for (const recipient of mail.recipients) {
      const said = whyWaiting(recipient, offsetMs)
      if (said !== undefined && said !== reason) {
        lines.push(remark(said))
      }
      reason = said
      lines.push(`${INDENT}${recipient.address}`)
    }
    return `${lines.map(visible).join('\n')}\n`
  })
  const bytes = mails.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const count = mails.length === 1 ? '1 Request' : `${mails.length} Requests`
  return `${HEAD}\n${blocks.join('\n')}\n-- ${Math.ceil(bytes / 1024)} Kbytes in ${count}.\n`
}

/** At the end of a line, where Postfix has it. */
function remark(text: string): string {
  return `${' '.repeat(Math.max(0, 75 - text.length))}(${text})`
}

function whyWaiting(
  { route, reason, arrivalAt }: ListedMail['recipients'][number],
  offsetMs: number,
): string | undefined {
  if (reason !== undefined) return reason
  if (route?.startsWith('carry:')) return `waits to be carried: ${route}`
  if (arrivalAt === undefined) return undefined
  return `predicted to arrive ${timeOf(arrivalAt + offsetMs)}`
}

const DAYS = 'Sun Mon Tue Wed Thu Fri Sat'.split(' ')
const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')

/** `Mon Nov 23 08:00:00`. */
function timeOf(ms: number): string {
  const { weekday, month, day, hour, minute, second } = toCivil(addMs(wallMs(0), ms))
  const time = [hour, minute, second].map((part) => String(part).padStart(2, '0')).join(':')
  return `${DAYS[weekday]} ${MONTHS[month - 1]} ${String(day).padStart(2)} ${time}`
}
