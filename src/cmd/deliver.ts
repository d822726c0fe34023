/** `lightlag deliver`: one message from standard input into one mailbox, for Postfix and `.forward`. */

import { resolve } from 'node:path'
import { concat, fromLatin1, fromUtf8, NO_BYTES, toLatin1 } from '../base/bytes.ts'
import { asFault } from '../base/fault.ts'
import type { NodeConfig } from '../config/node-config.ts'
import { hostClock } from '../host/clock.ts'
import { hostDisk } from '../host/disk.ts'
import { hostEntropy } from '../host/entropy.ts'
import { appendToMbox } from '../host/mbox-file.ts'
import { mailboxFor } from '../mail/local-target.ts'
import { Maildir, placeIn } from '../mail/maildir.ts'
import { maildirUsage } from '../mail/maildir-usage.ts'
import { NO_QUOTAS, type QuotaOptions, Quotas } from '../mail/quotas.ts'
import { HeaderReader } from '../proto/message/header.ts'
import { bareLfToCrlf } from '../proto/message/line-endings.ts'
import { MboxWriter, parseSeparator } from '../proto/message/mbox.ts'
import { formatDeliveredTo, formatReturnPath, wasDeliveredTo } from '../proto/message/trace.ts'
import { parseMailbox } from '../proto/smtp/path.ts'
import { Failure } from './failure.ts'
import { readBytes } from './files.ts'
import { readConfig } from './host-config.ts'
import { findUser, maildirOf } from './users-file.ts'

/** Of sysexits.h: what programs that call it look for. */
export const SYSEXITS = {
  usage: 64,
  dataError: 65,
  noUser: 67,
  cannotCreate: 73,
  temporary: 75,
} as const

export interface DeliverArguments {
  readonly from?: string
  readonly address?: string
  /** A host's file. */
  readonly config?: string
  /** In its place: a Maildir, with `/` at its end, or an mbox file. */
  readonly to?: string
}

/** The message is durable when it resolves. */
export async function deliver(user: string, options: DeliverArguments): Promise<void> {
  try {
    await deliverOnce(user, options)
  } catch (error) {
    // Whatever else it is, a mail must not be returned for it.
    const isSaid = error instanceof Failure && error.status >= SYSEXITS.usage
    throw isSaid ? error : new Failure(SYSEXITS.temporary, `deliver: ${(error as Error).message}`)
  }
}

async function deliverOnce(user: string, options: DeliverArguments): Promise<void> {
  for (const [name, path] of [
    ['-f', options.from],
    ['-a', options.address],
  ] as const) {
    if (path !== undefined && !/^<?[!-~]*>?$/.test(path)) {
      throw new Failure(SYSEXITS.usage, `deliver: ${name} ${JSON.stringify(path)} is no address`)
    }
  }
  const place = placeOf(user, options)
  const { sender, bytes } = messageOf(readBytes('-'), options)
  if (place.type === 'mbox') {
    const writer = new MboxWriter()
    const separator = { sender, at: hostClock.wall() }
    const parts = [writer.begin(separator), writer.push(bytes), writer.end()]
    await appendToMbox(place.path, concat(NO_BYTES, ...parts))
    return
  }
  const ports = { disk: hostDisk, clock: hostClock, entropy: hostEntropy }
  const maildir = new Maildir(place.path, place.host, ports)
  await requireRoom(place, bytes.length)
  const recipient = parseMailbox(options.address?.replace(/^<|>$/g, '') ?? '')
  const mailbox =
    recipient === undefined
      ? 'INBOX'
      : await mailboxFor(recipient, place.user, maildir, place.subaddress)
  const draft = await maildir.create()
  try {
    await draft.write(bytes)
    await maildir.deliver(placeIn(await draft.finish(), mailbox, []))
  } catch (error) {
    await draft.abort().catch(asFault)
    throw error
  }
}

/** In words that Postfix takes for its report. */
async function requireRoom(
  { user, path, quotas }: Extract<Place, { readonly type: 'maildir' }>,
  bytes: number,
): Promise<void> {
  const room = new Quotas(quotas, () => maildirUsage(hostDisk, path), hostClock)
  try {
    await room.requireRoom(user, { usedBytes: bytes, usedMessages: 1 })
  } catch (error) {
    const { code, temporary, message, detail } = asFault(error)
    if (code !== 'mail/over-quota') throw error
    const status = temporary ? SYSEXITS.temporary : SYSEXITS.cannotCreate
    throw new Failure(status, `${detail['status']} ${message}`)
  }
}

type Place =
  | {
      readonly type: 'maildir'
      readonly path: string
      readonly host: string
      readonly user: string
      readonly subaddress: NodeConfig['subaddress']
      readonly quotas: QuotaOptions
    }
  | { readonly type: 'mbox'; readonly path: string }

function placeOf(user: string, { config: file, to }: DeliverArguments): Place {
  if ((file === undefined) === (to === undefined)) {
    const right = '"--config FILE" for a user of a host, or "--to FOLDER/" or "--to FILE"'
    throw new Failure(SYSEXITS.usage, `deliver: where to? ${right}`)
  }
  if (to?.endsWith('/')) {
    const anybodys = { host: 'localhost', subaddress: 'inbox', quotas: NO_QUOTAS } as const
    return { type: 'maildir', path: resolve(to), user, ...anybodys }
  }
  if (to !== undefined) return { type: 'mbox', path: resolve(to) }
  const config = readConfig(file as string)
  const name = findUser(config, file as string, user)
  if (name === undefined) throw new Failure(SYSEXITS.noUser, `deliver: there is no user ${user}`)
  const path = maildirOf(config, file as string, name)
  const { host, subaddress, quotas = NO_QUOTAS } = config
  return { type: 'maildir', path, host, user: name, subaddress, quotas }
}

/** With CRLF, and the trace fields of a final delivery. RFC 5321 §4.4. */
function messageOf(
  input: Uint8Array,
  { from, address }: DeliverArguments,
): { readonly sender: string; readonly bytes: Uint8Array } {
  let message = input
  let sender = from?.replace(/^<|>$/g, '')
  // Postfix writes such a line for programs in .forward files.
  if (toLatin1(message.subarray(0, 5)) === 'From ') {
    const end = message.indexOf(0x0a) + 1
    const separator = parseSeparator(toLatin1(message.subarray(0, end)).trimEnd())
    if (separator !== undefined) {
      message = message.subarray(end)
      const isNull = /^(MAILER-DAEMON|-)$/.test(separator.sender)
      sender ??= isNull ? '' : separator.sender
    }
  }
  const header = new HeaderReader()
  header.push(message)
  header.end()
  if (header.fields.length === 0) {
    throw new Failure(
      SYSEXITS.dataError,
      'deliver: what comes in has no header: a mail would be right',
    )
  }
  const known = header.fields.find(({ name }) => name === 'return-path')?.value
  const fields: string[] = []
  if (known === undefined && sender !== undefined) fields.push(formatReturnPath(sender))
  if (address !== undefined && !wasDeliveredTo(header.fields, address)) {
    fields.push(formatDeliveredTo(address))
  }
  const bytes = concat(fromUtf8(fields.join('')), bareLfToCrlf(message, undefined))
  const ended = bytes.at(-1) === 0x0a ? bytes : concat(bytes, fromLatin1('\r\n'))
  return { sender: sender ?? known?.replace(/^<|>$/g, '') ?? '', bytes: ended }
}
