/** `lightlag queue show`, `lightlag queue cost` and `lightlag trace`: what they ask of a running host. */

import { once } from 'node:events'
import { formatQueueCost } from '../bridge/format-queue-cost.ts'
import { formatTrace } from '../bridge/format-trace.ts'
import type { MailClient } from '../bridge/mail-client.ts'
import { sumOf } from '../bridge/queue-cost.ts'
import { withHost as workWith } from '../bridge/tools/mail-programs.ts'
import { EXIT, Failure } from './failure.ts'
import { type HostOption, mailPorts } from './mail-ports.ts'

export async function printQueueCost(
  options: HostOption & { readonly json?: boolean },
): Promise<void> {
  await withHost(options, async (host) => {
    const costs = await host.cost()
    const text = options.json
      ? `${JSON.stringify({ links: costs, sum: sumOf(costs) })}\n`
      : formatQueueCost(costs)
    process.stdout.write(text)
  })
}

export async function showQueued(queueId: string, options: HostOption): Promise<void> {
  await withHost(options, async (host) => {
    for await (const piece of host.message(queueId)) {
      if (!process.stdout.write(piece)) await once(process.stdout, 'drain')
    }
  })
}

export async function traceMail(
  name: string,
  options: HostOption & { readonly json?: boolean },
): Promise<void> {
  await withHost(options, async (host) => {
    const traces = await host.trace(name)
    if (traces.length === 0) throw new Failure(EXIT.failed, `nothing is known of ${name} here`)
    const texts = traces.map((trace) =>
      options.json ? `${JSON.stringify(trace)}\n` : formatTrace(trace),
    )
    process.stdout.write(texts.join(''))
  })
}

/** A Failure where there is no host, or it cannot now. */
export function withHost(
  options: HostOption,
  work: (host: MailClient) => Promise<unknown>,
): Promise<void> {
  return workWith(mailPorts(options), work)
}
