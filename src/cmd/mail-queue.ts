/** `mailq`, `lightlag queue …`, `sendmail` and `mail`: what they say to a running host. */

import { userInfo } from 'node:os'
import { concat, fromUtf8, toLatin1 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { MailClient, SubmittedEnvelope } from '../bridge/mail-client.ts'
import type { QueueAction, QueueSelection } from '../bridge/mail-requests.ts'
import { formatQueue } from '../mail/format-queue.ts'
import { parseSendmail, takeRecipients } from '../mail/sendmail.ts'
import { connectHost } from './control.ts'
import { EXIT, Failure } from './failure.ts'
import { readBytes } from './files.ts'

/** Of sysexits.h: what programs that call sendmail look for. */
const EX_USAGE = 64
const EX_DATAERR = 65
const EX_TEMPFAIL = 75

export interface HostOption {
  readonly node?: string
}

export async function printQueue(options: HostOption & { readonly json?: boolean }): Promise<void> {
  await withHost(options, EXIT.failed, async (host) => {
    const entries = await host.queue()
    const offsetMs = -new Date().getTimezoneOffset() * 60_000
    process.stdout.write(
      options.json
        ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
        : formatQueue(entries, offsetMs),
    )
  })
}

export async function showQueued(queueId: string, options: HostOption): Promise<void> {
  await withHost(options, EXIT.failed, async (host) => {
    process.stdout.write(await host.message(queueId))
  })
}

export async function actOnQueue(
  action: QueueAction,
  selection: QueueSelection,
  options: HostOption,
): Promise<void> {
  await withHost(options, EXIT.failed, async (host) => {
    const counts = await host.act(action, selection)
    process.stdout.write(`${action}: ${counts.done} of ${counts.matched} mails\n`)
    const wanted = selection.queueIds?.length ?? 0
    if (counts.matched < wanted) {
      throw new Failure(EXIT.failed, `${wanted - counts.matched} of them are not in the queue`)
    }
  })
}

export async function sendmail(words: readonly string[], options: HostOption): Promise<void> {
  const parsed = parseSendmail(words)
  if (parsed.type === 'wrong') throw exit(EX_USAGE, `sendmail: ${parsed.message}`)
  if (parsed.type === 'list') return printQueue(options)
  if (parsed.type === 'flush') return actOnQueue('requeue', {}, options)
  const input = readBytes('-')
  const whole = parsed.endsAtDot ? upToDot(input) : input
  const taken = parsed.isFromHeader ? takeRecipients(whole) : { recipients: [], message: whole }
  const to = [...parsed.recipients, ...taken.recipients]
  if (to.length === 0) throw exit(EX_USAGE, 'sendmail: no recipients: name them, or use -t')
  const from = parsed.from ?? userInfo().username
  const head = hasField(taken.message, 'from')
    ? ''
    : `From: ${parsed.fullName === undefined ? '' : `${parsed.fullName} `}<${from}>\r\n`
  await submit({ from, to }, concat(fromUtf8(head), withCrlf(taken.message)), options)
}

export interface MailArguments extends HostOption {
  readonly subject?: string
  readonly from?: string
}

export async function mail(to: readonly string[], options: MailArguments): Promise<void> {
  const from = options.from ?? userInfo().username
  const head = [
    `From: <${from}>`,
    `To: ${to.map((name) => `<${name}>`).join(',\r\n ')}`,
    `Subject: ${encodedWord(options.subject ?? '')}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '\r\n',
  ].join('\r\n')
  await submit({ from, to }, concat(fromUtf8(head), withCrlf(readBytes('-'))), options)
}

async function submit(
  envelope: SubmittedEnvelope,
  message: Uint8Array,
  options: HostOption,
): Promise<void> {
  await withHost(options, EX_TEMPFAIL, (host) => host.submit(envelope, message))
}

/** A Failure with `absent` where there is no host, or it cannot now. */
export async function withHost(
  options: HostOption,
  absent: number,
  work: (host: MailClient) => Promise<unknown>,
): Promise<void> {
  let host: MailClient
  try {
    host = await connectHost(options.node)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw exit(absent, error.message.replace("Can't attach to BP", 'no mail host to ask'))
  }
  try {
    await work(host)
  } catch (error) {
    if (error instanceof Failure) throw error
    const fault = asFault(error)
    const status = fault.temporary ? absent : absent === EXIT.failed ? absent : EX_DATAERR
    throw exit(status, fault.message)
  } finally {
    host.close()
  }
}

function exit(status: number, message: string): Failure {
  return new Failure(status, message)
}

/** RFC 5321 §2.3.8: only CRLF ends a line on its way. */
function withCrlf(message: Uint8Array): Uint8Array {
  const text = toLatin1(message).replace(/\r?\n/g, '\r\n')
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

function upToDot(message: Uint8Array): Uint8Array {
  const end = /^\.\r?$/m.exec(toLatin1(message))?.index
  return end === undefined ? message : message.subarray(0, end)
}

function hasField(message: Uint8Array, name: string): boolean {
  const [header = ''] = toLatin1(message).split(/\r?\n\r?\n/, 1)
  return new RegExp(`^${name}[ \\t]*:`, 'im').test(header)
}

/** RFC 2047 §2. */
function encodedWord(text: string): string {
  const oneLine = text.replace(/[\r\n]+/g, ' ')
  if (/^[ -~]*$/.test(oneLine)) return oneLine
  return `=?utf-8?B?${Buffer.from(oneLine).toString('base64')}?=`
}
