/** What this machine has for the programs of mail: standard streams, files, and running hosts to ask. */

import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { MailClient } from '../bridge/mail-client.ts'
import type { MailToolPorts } from '../bridge/tools/mail-tool.ts'
import { plainBytes } from '../host/bytes.ts'
import { hostClock } from '../host/clock.ts'
import { hostDisk } from '../host/disk.ts'
import { connectHost } from './control.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { openPickup, systemUser } from './pickup-client.ts'
import { listQueue } from './queue-list-client.ts'

export interface HostOption {
  /** Number of its node, or its control socket; default: the only one here. */
  readonly node?: string
}

export function mailPorts({ node }: HostOption): MailToolPorts {
  return {
    clock: hostClock,
    disk: hostDisk,
    user: systemUser(),
    input: standardInput(),
    output: (bytes) => void process.stdout.write(bytes),
    errors: (bytes) => void process.stderr.write(bytes),
    flushed: () => new Promise((done) => void process.stdout.write('', () => done())),
    terminal: { input: isatty(0), output: process.stdout.isTTY },
    offsetMs: (at) => -new Date(at).getTimezoneOffset() * 60_000,
    openPickup: () => openPickup(node),
    listQueue: () => listQueue(node),
    connectHost: () => requireHost(node),
  }
}

/** Does `work`, which may read standard input; what is left of that keeps nobody waiting. */
export async function withStandardInput(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } finally {
    process.stdin.destroy()
  }
}

async function requireHost(wanted: string | undefined): Promise<MailClient> {
  try {
    return await connectHost(wanted)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    const message = error.message.replace("Can't attach to BP", 'no mail host to ask')
    throw new Failure(EXIT.failed, message)
  }
}

function standardInput(): MailToolPorts['input'] {
  let chunks: AsyncIterator<Buffer> | undefined
  return async () => {
    try {
      // Read as a stream, a directory would be an empty message.
      if (fstatSync(0).isDirectory()) throw new Error('is a directory')
      chunks ??= process.stdin[Symbol.asyncIterator]() as AsyncIterator<Buffer>
      const chunk = await chunks.next()
      return chunk.done ? undefined : plainBytes(chunk.value)
    } catch (error) {
      throw new Failure(EXIT.usage, `cannot read standard input: ${reasonOf(error)}`)
    }
  }
}
