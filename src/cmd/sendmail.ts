/** `sendmail` and `mail`: they hand mail to a running host, as any user of its machine may. */

import { userInfo } from 'node:os'
import { isatty } from 'node:tty'
import { concat, fromUtf8, toLatin1 } from '../base/bytes.ts'
import {
  addressesOf,
  parseSendmail,
  type SendmailArguments,
  takeRecipients,
} from '../mail/sendmail.ts'
import { SendmailText } from '../mail/sendmail-text.ts'
import { encodeWords } from '../proto/message/encoded-word.ts'
import { formatField } from '../proto/message/header.ts'
import { EXIT, Failure } from './failure.ts'
import { actOnQueue, type HostOption, printQueue, withHost } from './mail-queue.ts'
import { printHeaders, printMails } from './mail-reader.ts'
import { PickupSession } from './pickup-client.ts'
import { HELD_BYTES_MAX, readMessage } from './standard-input.ts'
import { EX } from './sysexits.ts'

export async function sendmail(words: readonly string[], options: HostOption): Promise<void> {
  const parsed = parseSendmail(words)
  switch (parsed.type) {
    case 'wrong':
      throw new Failure(EX.usage, `sendmail: ${parsed.message}`)
    case 'list':
      return printQueue(options)
    case 'flush':
      return actOnQueue('requeue', {}, options)
    case 'dialogue':
      return speakSmtp(options)
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
  const { beginning, rest } = await readMessage(new SendmailText(parsed.endsAtDot))
  if (parsed.isFromHeader && beginning.length >= HELD_BYTES_MAX && !hasHeaderEnd(beginning)) {
    throw new Failure(EX.dataErr, 'sendmail: a header of more than a mebibyte')
  }
  const taken = parsed.isFromHeader
    ? takeRecipients(beginning)
    : { recipients: [], message: beginning }
  const to = [...parsed.recipients, ...taken.recipients]
  if (to.length === 0) {
    const what = parsed.isFromHeader ? 'To, Cc and Bcc name nobody' : 'name them, or use -t'
    throw new Failure(EX.usage, `sendmail: no recipients: ${what}`)
  }
  const { fullName, parameters, notify } = parsed
  const from = parsed.from ?? userName()
  await withPickup(options, async (host) => {
    // Where reports go to nobody, the message is still of somebody. RFC 5322 §3.6.2.
    const author = formatAuthor(fullName, host.addressOf(from || 'MAILER-DAEMON'))
    const field = hasField(taken.message, 'from') ? '' : `From: ${author}\r\n`
    const head = field !== '' && !hasHeader(taken.message) ? `${field}\r\n` : field
    await host.handIn(
      {
        ...host.envelopeOf(from, to, parameters),
        recipientParameters: notify === undefined ? {} : { notify },
      },
      following(concat(fromUtf8(head), taken.message), rest),
    )
  })
}

/** `-bs`: what the host speaks with any program, on standard input and output. */
async function speakSmtp(options: HostOption): Promise<void> {
  await withPickup(options, async ({ stream, greeting }) => {
    const { stdin, stdout } = process
    stdout.write(greeting)
    stream.onBytes = (bytes) => {
      if (!stdout.write(bytes.slice())) stream.pause()
    }
    stdout.on('drain', () => stream.resume())
    stream.onDrained = () => stdin.resume()
    await new Promise<void>((over) => {
      stream.onEnd = () => over()
      stdin.on('data', (bytes: Buffer) => {
        stream.send(bytes)
        if (stream.unsentBytes > 0) stdin.pause()
      })
      // Without QUIT: it answers what it has been asked, and then hears that this was all.
      stdin.once('end', () => stream.send(fromUtf8('QUIT\r\n')))
      stdin.once('error', () => stream.abort())
    })
    stdin.destroy()
  })
}

export interface MailArguments extends HostOption {
  readonly headers?: true
  readonly print?: true
  readonly user?: string
  readonly subject?: string
  readonly cc?: string
  readonly from?: string
}

export async function mail(words: readonly string[], options: MailArguments): Promise<void> {
  const { headers, print, user } = options
  const to = words.flatMap(addressesOf)
  const cc = addressesOf(options.cc ?? '')
  if (headers || print) {
    if (words.length > 0)
      throw new Failure(EXIT.usage, 'mail: -H and -p look at a mailbox: no address')
    const look = headers ? printHeaders : printMails
    return withHost(options, EXIT.failed, (host) => look(host, user))
  }
  if (to.length === 0) {
    throw new Failure(EX.usage, 'mail: to whom? An address, or -H or -p to look at your mailbox')
  }
  const from = options.from ?? userName()
  if (isatty(0)) process.stderr.write('Write the mail. Ctrl-D ends it, Ctrl-C drops it.\n')
  const { beginning, rest } = await readMessage(new SendmailText(false))
  await withPickup(options, async (host) => {
    const list = (names: readonly string[]): string =>
      names.map((name) => `<${host.addressOf(name)}>`).join(',\r\n ')
    const head = [
      `From: <${host.addressOf(from)}>`,
      `To: ${list(to)}`,
      ...(cc.length > 0 ? [`Cc: ${list(cc)}`] : []),
      formatField('Subject', encodeWords(oneLine(options.subject ?? ''))).trimEnd(),
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 8bit',
      '\r\n',
    ].join('\r\n')
    const envelope = host.envelopeOf(from, [...to, ...cc], {})
    await host.handIn(
      { ...envelope, recipientParameters: {} },
      following(concat(fromUtf8(head), beginning), rest),
    )
  })
}

async function withPickup(
  { node }: HostOption,
  work: (host: PickupSession) => Promise<unknown>,
): Promise<void> {
  const host = await PickupSession.open(node, systemUser())
  try {
    await work(host)
    host.close()
  } catch (error) {
    // What has begun must not seem to be complete.
    host.stream.abort()
    throw error
  }
}

async function* following(
  beginning: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield beginning
  yield* rest
}

/** Undefined where the system has a number and no name. */
function systemUser(): string | undefined {
  try {
    return userInfo().username
  } catch {
    return undefined
  }
}

function userName(): string {
  const name = systemUser()
  if (name !== undefined) return name
  const message = `user ${process.getuid?.()} has no name here: say who it is from`
  throw new Failure(EX.osErr, message)
}

/** A name is a phrase: of words, or quoted, or encoded. RFC 5322 §3.2.5, RFC 2047 §5. */
function formatAuthor(name: string | undefined, address: string): string {
  if (name === undefined) return `<${address}>`
  const encoded = encodeWords(oneLine(name)).join(' ')
  const isPlain =
    encoded !== name || /^[\w!#$%&'*+/=?^`{|}~-]+(?: [\w!#$%&'*+/=?^`{|}~-]+)*$/.test(name)
  return `${isPlain ? encoded : `"${name.replace(/["\\]/g, '\\$&')}"`} <${address}>`
}

function hasHeader(message: Uint8Array): boolean {
  return message.length === 0 || /^(?:[!-9;-~]+[ \t]*:|\r\n)/.test(toLatin1(message))
}

function hasHeaderEnd(message: Uint8Array): boolean {
  return toLatin1(message).includes('\r\n\r\n')
}

function hasField(message: Uint8Array, name: string): boolean {
  const [header = ''] = toLatin1(message).split('\r\n\r\n', 1)
  return new RegExp(`^${name}[ \\t]*:`, 'im').test(header)
}

function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ')
}
