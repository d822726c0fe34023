/** `mailq` and `lightlag queue …`: what they say to a running host. */

import { once } from 'node:events'
import { asFault } from '../base/fault.ts'
import { formatTrace } from '../bridge/format-trace.ts'
import type { MailClient } from '../bridge/mail-client.ts'
import type { QueueAction, QueueSelection } from '../bridge/mail-requests.ts'
import { formatQueue } from '../mail/format-queue.ts'
import { connectHost } from './control.ts'
import { EXIT, Failure } from './failure.ts'
import { listQueue } from './queue-list-client.ts'

export interface HostOption {
  readonly node?: string
}

export async function printQueue(options: HostOption & { readonly json?: boolean }): Promise<void> {
  const entries = await listQueue(options.node)
  const offsetMs = -new Date().getTimezoneOffset() * 60_000
  process.stdout.write(
    options.json
      ? entries.map((entry) => `${JSON.stringify(entry)}\n`).join('')
      : formatQueue(entries, offsetMs),
  )
}

export async function showQueued(queueId: string, options: HostOption): Promise<void> {
  await withHost(options, EXIT.failed, async (host) => {
    for await (const piece of host.message(queueId)) {
      if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
    }
  })
}

export async function traceMail(
  name: string,
  options: HostOption & { readonly json?: boolean },
): Promise<void> {
  await withHost(options, EXIT.failed, async (host) => {
    const traces = await host.trace(name)
    if (traces.length === 0) throw new Failure(EXIT.failed, `nothing is known of ${name} here`)
    const texts = traces.map((trace) =>
      options.json ? `${JSON.stringify(trace)}\n` : formatTrace(trace),
    )
    process.stdout.write(texts.join(''))
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
    throw exit(absent, fault.message)
  } finally {
    host.close()
  }
}

function exit(status: number, message: string): Failure {
  return new Failure(status, message)
}
