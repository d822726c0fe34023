/** `mailq`, `lightlag queue …`, `sendmail` and `mail`: what they say to a running host. */

import { userInfo } from 'node:os'
import { concat, fromUtf8, toLatin1, toUtf8 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { QueueAction, QueueEntry, QueueSelection } from '../bridge/mail-requests.ts'
import type { NodeClient } from '../dtn/control/node-client.ts'
import { formatQueue } from '../mail/format-queue.ts'
import { parseSendmail, takeRecipients } from '../mail/sendmail.ts'
import { EXIT, Failure } from './failure.ts'
import { readBytes } from './files.ts'
import { attach } from './ion/attach.ts'

/** Of sysexits.h: what programs that call sendmail look for. */
const EX_USAGE = 64
const EX_DATAERR = 65
const EX_TEMPFAIL = 75

export interface HostOption {
  readonly node?: string
}

export async function printQueue(options: HostOption & { readonly json?: boolean }): Promise<void> {
  await withHost(options, EXIT.failed, async (host) => {
    const entries: QueueEntry[] = []
    for (let after = ''; ; ) {
      const page = await ask<readonly QueueEntry[]>(host, 'queue-list', { after })
      if (page.length === 0) break
      entries.push(...page)
      after = page.at(-1)?.queueId ?? ''
    }
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
    const message = await host.call('queue-message', fromUtf8(JSON.stringify({ queueId })))
    process.stdout.write(message)
  })
}

export async function actOnQueue(
  action: QueueAction,
  selection: QueueSelection,
  options: HostOption,
): Promise<void> {
  await withHost(options, EXIT.failed, async (host) => {
    const counts = await ask<{ matched: number; done: number }>(host, 'queue-act', {
      action,
      selection,
    })
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
  envelope: { readonly from: string; readonly to: readonly string[] },
  message: Uint8Array,
  options: HostOption,
): Promise<void> {
  const request = concat(fromUtf8(`${JSON.stringify(envelope)}\n`), message)
  await withHost(options, EX_TEMPFAIL, (host) => host.call('submit', request))
}

/** A Failure with `absent` where there is no host, or it cannot now. */
async function withHost(
  options: HostOption,
  absent: number,
  work: (host: NodeClient) => Promise<unknown>,
): Promise<void> {
  let host: NodeClient
  try {
    host = await attach(options.node, undefined)
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

async function ask<Answer>(host: NodeClient, name: string, request: unknown): Promise<Answer> {
  return JSON.parse(toUtf8(await host.call(name, fromUtf8(JSON.stringify(request))))) as Answer
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
