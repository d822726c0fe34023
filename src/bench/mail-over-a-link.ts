/**
 * How long the mails of a corpus take over a link of 1 s and 1 Mbit/s, in the virtual world: as SMTP,
 * as SMTP under TLS, and in bundles. Each mail has one recipient; all are in the queue of the near
 * host within the first seconds. The README says what the lab leaves out.
 */

import { setImmediate } from 'node:timers/promises'
import { fromUtf8 } from '../base/bytes.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import { parseScenario, type Scenario, type ScenarioHost } from '../config/scenario.ts'
import { promptPacking } from '../host/packing.ts'
import { Lab } from '../lab/lab.ts'
import { submitMail } from '../lab/mail-user.ts'
import { mailCorpus } from './mail-corpus.ts'

export type Way = 'smtp' | 'smtp-tls' | 'bundles-tcp' | 'bundles-udp'

export interface OverALink {
  readonly way: Way
  readonly mails: number
  /** Until half of them, and the last, were in the mailbox at the far side. */
  readonly halfSec: number
  readonly allSec: number
  /** That has crossed the link, both ways, for each mail. */
  readonly linkBytes: number
}

export const WAYS: readonly Way[] = ['smtp', 'smtp-tls', 'bundles-tcp', 'bundles-udp']

const ONE_WAY_MS = 1000
const SUBMITTERS = 20
const PATIENCE_MS = 86_400_000
/** A little less than the link's: what finds its queue full is lost. */
const UDP_RATE = '115kB/s'

function scenarioText(protocol: 'tcp' | 'udp'): string {
  return `
name: link
seed: 1
networks:
  - { name: earth, prefix: 172.21.0.0/24 }
  - { name: moon, prefix: 172.22.0.0/24 }
links:
  - { between: [earth, moon], oneWayDelay: 1s, rate: 125kB/s }
hosts:
${hostText(1, protocol)}
${hostText(2, protocol)}
`
}

function hostText(number: 1 | 2, protocol: 'tcp' | 'udp'): string {
  const [node, other] = number === 1 ? [2, 3] : [3, 2]
  const network = number === 1 ? 'earth' : 'moon'
  const address = `172.2${number}.0.3`
  return `  - host: mail-${number}.a.com
    network: ${network}
    address: ${address}
    node: ipn:${node}
    users: [{ name: user, password: a-password }]
    smtp: { listen: "${address}:25", oneWayDelay: 1s }
    submission: { listen: "${address}:587", plaintextAuth: allow }
    ${protocol}: { listen: "${address}:4556"${protocol === 'udp' ? `, rate: ${UDP_RATE}` : ''} }
    plans: [{ to: ipn:${other}, protocol: ${protocol}, duct: "172.2${3 - number}.0.3:4556", oneWayDelay: 1s }]
    transport: { mail-${3 - number}.a.com: bp:ipn:${other}.2525 }`
}

export async function measureOverALink(way: Way, seed: number, count: number): Promise<OverALink> {
  const arrivals: MonoMs[] = []
  const lab = new Lab(scenarioOf(way, seed), {
    settle: () => setImmediate(),
    packing: promptPacking,
    onEvent: ({ at, host, event }) => {
      const isArrival = event.type === 'mail-delivered' && event.route === 'local'
      if (isArrival && host === 'mail-2.a.com') arrivals.push(at)
    },
  })
  await lab.start()
  const startedAt = lab.world.now()
  await submitAll(lab, seed, count)
  await lab.world.run(
    () => arrivals.length >= count || lab.world.now() > addMs(startedAt, PATIENCE_MS),
  )
  if (arrivals.length < count) throw new Error(`${arrivals.length} of ${count} mails have arrived`)
  const linkBytes = lab.network.capture.packets.reduce(
    (sum, { local, wireBytes }) => sum + (local ? 0 : wireBytes),
    0,
  )
  const result = {
    ...{ way, mails: count },
    halfSec: secondsFrom(startedAt, arrivals[count >> 1]),
    allSec: secondsFrom(startedAt, arrivals[count - 1]),
    linkBytes: Math.round(linkBytes / count),
  }
  await lab.stop()
  return result
}

function scenarioOf(way: Way, seed: number): Scenario {
  const parsed = parseScenario(
    scenarioText(way === 'bundles-udp' ? 'udp' : 'tcp'),
    'the scenario of this benchmark',
  )
  if (!parsed.ok) throw parsed.fault
  return {
    ...parsed.value,
    seed,
    hosts: parsed.value.hosts.map((host) => ({ ...host, ...carriage(way) })),
  }
}

/** In bundles as the scenario has it, or by SMTP. */
function carriage(way: Way): Partial<ScenarioHost> {
  if (way !== 'smtp' && way !== 'smtp-tls') return {}
  return {
    transport: [{ domain: '*', route: 'smtp:[172.22.0.3]:25' }],
    outgoing: { tls: way === 'smtp' ? 'never' : 'required', oneWayDelayMs: ONE_WAY_MS },
  }
}

async function submitAll(lab: Lab, seed: number, count: number): Promise<void> {
  const { machine, options } = lab.host('mail-1.a.com')
  const server = options.submission?.listen
  if (server === undefined) throw new Error('no submission service')
  const corpus = mailCorpus(seed, count)
  let next = 0
  const submitter = async (): Promise<void> => {
    while (next < count) {
      const { message = '' } = corpus[next++] ?? {}
      const replies = await submitMail(
        {
          server,
          hostname: 'client.a.com',
          credentials: { user: 'user', password: 'a-password' },
          from: { reversePath: { localPart: 'user', domain: 'mail-1.a.com' }, parameters: {} },
          recipients: [{ localPart: 'user', domain: 'mail-2.a.com' }],
          message: fromUtf8(message),
        },
        machine,
      )
      if (replies[0]?.code !== 250) throw new Error(`not taken: ${replies[0]?.lines.join(' ')}`)
    }
  }
  await lab.perform(Promise.all(Array.from({ length: SUBMITTERS }, submitter)))
}

function secondsFrom(start: MonoMs, end: MonoMs | undefined): number {
  return Math.round(((end ?? start) - start) / 100) / 10
}
