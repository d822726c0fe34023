/** `mail`, `sendmail` and `mailq` on a host of the lab. */

import { Failure } from '../../base/failure.ts'
import { asFault } from '../../base/fault.ts'
import { MailClient } from '../../bridge/mail-client.ts'
import { mail, printQueue, sendmail } from '../../bridge/tools/mail-programs.ts'
import type { MailToolPorts } from '../../bridge/tools/mail-tool.ts'
import { PickupSession } from '../../bridge/tools/pickup-session.ts'
import { EX } from '../../bridge/tools/sysexits.ts'
import { CONNECT_TIMEOUT_MS } from '../limits.ts'
import { attach } from '../process.ts'
import type { Command, CommandIo, ShellSession } from './command.ts'
import { parseMail } from './mail-arguments.ts'

const FAILED = 1

export const mailCommand: Command = async (words, io, session) => {
  const parsed = parseMail(words)
  if (parsed.type === 'wrong') throw new Failure(EX.usage, `mail: ${parsed.message}`)
  await mail(parsed.to, parsed.options, portsOf(io, session))
  return 0
}

export const sendmailCommand: Command = async (words, io, session) => {
  await sendmail(words, portsOf(io, session))
  return 0
}

export const mailqCommand: Command = async (words, io, session) => {
  await printQueue({ json: words.includes('--json') }, portsOf(io, session))
  return 0
}

function portsOf(io: CommandIo, { host, user }: ShellSession): MailToolPorts {
  const { clock, disk, network, owners, pickup } = host
  const absent = (status: number, error: unknown): Failure =>
    new Failure(status, `no mail host to ask: ${asFault(error).message}`)
  const connectHost = async (): Promise<MailClient> => {
    try {
      return new MailClient(await attach(host))
    } catch (error) {
      throw absent(FAILED, error)
    }
  }
  return {
    clock,
    disk,
    user,
    input: io.input,
    output: io.output,
    errors: io.errors,
    flushed: async () => {},
    terminal: io.terminal,
    // The lab's hosts keep UTC.
    offsetMs: () => 0,
    openPickup: async () => {
      const stream = await network.connect(pickup, CONNECT_TIMEOUT_MS).catch((error: unknown) => {
        throw absent(EX.tempFail, error)
      })
      return PickupSession.open(stream, { clock, owners, socket: pickup.host, user })
    },
    listQueue: async () => {
      const client = await connectHost()
      try {
        return await client.queue()
      } finally {
        client.close()
      }
    },
    connectHost,
  }
}
