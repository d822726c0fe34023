/** `mailq`, `lightlag queue …`, `sendmail` and `mail`: what they say to a running host. */

import { userInfo } from 'node:os'
import { isatty } from 'node:tty'
import { concat, fromUtf8, toLatin1 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { MailClient } from '../bridge/mail-client.ts'
import type { QueueAction, QueueSelection } from '../bridge/mail-requests.ts'
import { formatQueue } from '../mail/format-queue.ts'
import { parseSendmail, type SendmailArguments, takeRecipients } from '../mail/sendmail.ts'
import { encodeWords } from '../proto/message/encoded-word.ts'
import { formatField } from '../proto/message/header.ts'
import { connectHost } from './control.ts'
import { EXIT, Failure } from './failure.ts'
import { readBytes } from './files.ts'
import { printHeaders, printMails } from './mail-reader.ts'
import { speakSmtp } from './sendmail-dialogue.ts'

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
  switch (parsed.type) {
    case 'wrong':
      throw exit(EX_USAGE, `sendmail: ${parsed.message}`)
    case 'list':
      return printQueue(options)
    case 'flush':
      return actOnQueue('requeue', {}, options)
    case 'dialogue':
      return withHost(options, EX_TEMPFAIL, speakSmtp)
    case 'nothing':
      return
    case 'submit':
      return handIn(parsed, options)
  }
}

async function handIn(
  parsed: Extract<SendmailArguments, { readonly type: 'submit' }>,
  options: HostOption,
): Promise<void> {
  const input = readBytes('-')
  const whole = parsed.endsAtDot ? upToDot(input) : input
  const taken = parsed.isFromHeader ? takeRecipients(whole) : { recipients: [], message: whole }
  const to = [...parsed.recipients, ...taken.recipients]
  if (to.length === 0) {
    const what = parsed.isFromHeader ? 'To, Cc and Bcc name nobody' : 'name them, or use -t'
    throw exit(EX_USAGE, `sendmail: no recipients: ${what}`)
  }
  const { fullName, parameters, notify } = parsed
  const from = parsed.from ?? userInfo().username
  const recipientParameters = to.map(() => (notify === undefined ? {} : { notify }))
  await withHost(options, EX_TEMPFAIL, async (host) => {
    // Where reports go to nobody, the message is still of somebody. RFC 5322 §3.6.2.
    const author = formatAuthor(fullName, await addressAt(host, from || 'MAILER-DAEMON'))
    const head = hasField(taken.message, 'from') ? '' : `From: ${author}\r\n`
    const message = concat(fromUtf8(head), withCrlf(taken.message))
    await host.submit({ from, to, parameters, recipientParameters }, message)
  })
}

/** `user` is one of the host's. */
async function addressAt(host: MailClient, name: string): Promise<string> {
  return name === '' || name.includes('@') ? name : `${name}@${(await host.about()).host}`
}

/** A name is a phrase: of words, or quoted, or encoded. RFC 5322 §3.2.5, RFC 2047 §5. */
function formatAuthor(name: string | undefined, address: string): string {
  if (name === undefined) return `<${address}>`
  const encoded = encodeWords(oneLine(name)).join(' ')
  const isPlain =
    encoded !== name || /^[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*$/.test(name)
  return `${isPlain ? encoded : `"${name.replace(/["\\]/g, '\\$&')}"`} <${address}>`
}

export interface MailArguments extends HostOption {
  readonly headers?: true
  readonly print?: true
  readonly user?: string
  readonly subject?: string
  readonly from?: string
}

export async function mail(to: readonly string[], options: MailArguments): Promise<void> {
  const { headers, print, user } = options
  if (headers || print) {
    if (to.length > 0) throw exit(EXIT.usage, 'mail: -H and -p look at a mailbox: no address')
    const look = headers ? printHeaders : printMails
    return withHost(options, EXIT.failed, (host) => look(host, user))
  }
  if (to.length === 0) {
    throw exit(EX_USAGE, 'mail: to whom? An address, or -H or -p to look at your mailbox')
  }
  const from = options.from ?? userInfo().username
  if (isatty(0)) process.stderr.write('Write the mail. Ctrl-D ends it, Ctrl-C drops it.\n')
  const text = readBytes('-')
  await withHost(options, EX_TEMPFAIL, async (host) => {
    const names = await Promise.all(to.map((name) => addressAt(host, name)))
    const head = [
      `From: <${await addressAt(host, from)}>`,
      `To: ${names.map((name) => `<${name}>`).join(',\r\n ')}`,
      formatField('Subject', encodeWords(oneLine(options.subject ?? ''))).trimEnd(),
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '\r\n',
    ].join('\r\n')
    await host.submit({ from, to }, concat(fromUtf8(head), withCrlf(text)))
  })
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

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ')
}
