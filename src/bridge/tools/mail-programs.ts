/** `sendmail` and `mail`: they hand mail to a running host, as any user of its machine may. */

import { concat, fromUtf8, toLatin1 } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { asFault } from '../../base/fault.ts'
import { formatQueue } from '../../mail/format-queue.ts'
import {
  addressesOf,
  parseSendmail,
  type SendmailArguments,
  takeRecipients,
} from '../../mail/sendmail.ts'
import { SendmailText } from '../../mail/sendmail-text.ts'
import { encodeWords } from '../../proto/message/encoded-word.ts'
import { formatField } from '../../proto/message/header.ts'
import type { MailClient } from '../mail-client.ts'
import type { QueueAction, QueueSelection } from '../mail-requests.ts'
import type { MailToolPorts } from './mail-tool.ts'
import { printHeaders, printMails } from './mailbox-list.ts'
import { HELD_BYTES_MAX, readMessage } from './message-input.ts'
import type { PickupSession } from './pickup-session.ts'
import { SmtpDialogue } from './smtp-dialogue.ts'
import { EX } from './sysexits.ts'

const FAILED = 1
const NOT_UNDERSTOOD = 2

/** As of old; rejects with a Failure, as do all of these. */
export async function sendmail(words: readonly string[], ports: MailToolPorts): Promise<void> {
  const parsed = parseSendmail(words)
  switch (parsed.type) {
    case 'wrong':
      throw new Failure(EX.usage, `sendmail: ${parsed.message}`)
    case 'list':
      return printQueue({}, ports)
    case 'flush':
      return actOnQueue('requeue', {}, ports)
    case 'dialogue':
      return withPickup(ports, (host) => new SmtpDialogue(host, ports).run())
    case 'nothing':
      return
    case 'submit':
      return handIn(parsed, ports)
  }
}

async function handIn(
  parsed: Extract<SendmailArguments, { readonly type: 'submit' }>,
  ports: MailToolPorts,
): Promise<void> {
  const text = new SendmailText(parsed.endsAtDot)
  const { beginning, rest } = await readMessage(text, ports.input)
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
  const from = parsed.from ?? userName(ports)
  await withPickup(ports, async (host) => {
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

export interface MailArguments {
  readonly headers?: true
  readonly print?: true
  readonly user?: string
  readonly subject?: string
  readonly cc?: string
  readonly from?: string
}

export async function mail(
  words: readonly string[],
  options: MailArguments,
  ports: MailToolPorts,
): Promise<void> {
  const { headers, print, user } = options
  const to = words.flatMap(addressesOf)
  const cc = addressesOf(options.cc ?? '')
  if (headers || print) {
    if (words.length > 0)
      throw new Failure(NOT_UNDERSTOOD, 'mail: -H and -p look at a mailbox: no address')
    const look = headers ? printHeaders : printMails
    return withHost(ports, (host) => look(host, user, ports))
  }
  if (to.length === 0) {
    throw new Failure(EX.usage, 'mail: to whom? An address, or -H or -p to look at your mailbox')
  }
  const from = options.from ?? userName(ports)
  if (ports.terminal.input) {
    ports.errors(fromUtf8('Write the mail. Ctrl-D ends it, Ctrl-C drops it.\n'))
  }
  const { beginning, rest } = await readMessage(new SendmailText(false), ports.input)
  await withPickup(ports, async (host) => {
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

/** `mailq`. */
export async function printQueue(
  { json }: { readonly json?: boolean },
  { listQueue, output, offsetMs, clock }: MailToolPorts,
): Promise<void> {
  const entries = await listQueue()
  const text = json
    ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
    : formatQueue(entries, offsetMs(clock.wall()))
  output(fromUtf8(text))
}

export async function actOnQueue(
  action: QueueAction,
  selection: QueueSelection,
  ports: MailToolPorts,
): Promise<void> {
  await withHost(ports, async (host) => {
    const counts = await host.act(action, selection)
    ports.output(fromUtf8(`${action}: ${counts.done} of ${counts.matched} mails\n`))
    const wanted = selection.queueIds?.length ?? 0
    if (counts.matched < wanted) {
      throw new Failure(FAILED, `${wanted - counts.matched} of them are not in the queue`)
    }
  })
}

/** A Failure where there is no host, or it cannot now. */
export async function withHost(
  { connectHost }: Pick<MailToolPorts, 'connectHost'>,
  work: (host: MailClient) => Promise<unknown>,
): Promise<void> {
  const host = await connectHost()
  try {
    await work(host)
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(FAILED, asFault(error).message)
  } finally {
    host.close()
  }
}

async function withPickup(
  { openPickup }: MailToolPorts,
  work: (host: PickupSession) => Promise<unknown>,
): Promise<void> {
  const host = await openPickup()
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

function userName({ user }: MailToolPorts): string {
  if (user !== undefined) return user
  throw new Failure(EX.osErr, 'whoever runs this has no name here: say who it is from')
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
