/** Two mail hosts and the link between them: what every experiment plays on. */

import { fromLatin1 } from '../../base/bytes.ts'
import { type Random, seededRandom } from '../../base/random.ts'
import { addMs, type MonoMs, wallMs } from '../../base/time.ts'
import type { LinkContact } from '../../config/link-quality.ts'
import { parseScenario, type Scenario, type ScenarioHost } from '../../config/scenario.ts'
import type { Contact } from '../../dtn/contact-plan.ts'
import { Lab } from '../lab.ts'
import type { LabMachine } from '../machine.ts'
import { submitMail } from '../mail-user.ts'
import type { Point, Settings, Staging } from './experiment.ts'

/** How mail crosses the link. */
export const CARRIAGES = [
  'smtp',
  'smtp-pipelined',
  'smtp-starttls',
  'bundles-udp',
  'bundles-tcpcl',
] as const
export type Carriage = (typeof CARRIAGES)[number]

export const NEAR = 'mail-1.a.com'
export const FAR = 'mail-2.a.com'
export const USER = { user: 'user', password: 'a-password' } as const

/** Programs that hand in mail at the same time. */
const SUBMITTERS = 20
/** Longer than any mail is tried. */
const PLANNED_DAYS = 12
export const DAY_MS = 86_400_000
/** Of the link's rate, for what does not slow down by itself: the rest is for headers. */
const PACED_SHARE = 0.92

/** A lab of two hosts, and when mails were placed into mailboxes at the far side, and let go of at the near one. */
export class Stage {
  readonly lab: Lab
  readonly arrivals: MonoMs[] = []
  readonly farewells: MonoMs[] = []

  static async open(
    carriage: Carriage,
    point: Point,
    settings: Settings,
    seed: number,
    staging: Staging,
  ): Promise<Stage> {
    const stage = new Stage(scenarioOf(carriage, point, settings, seed), staging)
    await stage.lab.start()
    return stage
  }

  private constructor(scenario: Scenario, staging: Staging) {
    this.lab = new Lab(scenario, {
      ...staging,
      onEvent: ({ at, host, event }) => {
        if (event.type === 'mail-delivered' && event.route === 'local') {
          if (host === FAR) this.arrivals.push(at)
        } else if (event.type === 'mail-removed' && host === NEAR) this.farewells.push(at)
      },
    })
  }

  get now(): MonoMs {
    return this.lab.world.now()
  }

  /** At the near side, which has all of them durably when this is done. */
  async submit(messages: readonly Uint8Array[], to: string): Promise<void> {
    const { machine, options } = this.lab.host(NEAR)
    const left = messages.values()
    const submitter = async (): Promise<void> => {
      for (const message of left) await submitOne(machine, options, to, message)
    }
    const count = Math.min(SUBMITTERS, messages.length)
    await this.lab.perform(Promise.all(Array.from({ length: count }, submitter)))
  }

  /** Lets time pass until `isDone`, and so long at most. */
  async run(isDone: () => boolean, mostMs: number): Promise<void> {
    const { world } = this.lab
    const until = addMs(this.now, mostMs)
    // Where nothing else happens then, time would go on to what happens next.
    const cancel = world.at(until, () => {})
    await world.run(() => isDone() || this.now >= until)
    cancel()
  }

  /** That has set out over the link, in both directions. */
  get linkBytes(): number {
    const { packets } = this.lab.network.capture
    return packets.reduce((sum, { local, wireBytes }) => sum + (local ? 0 : wireBytes), 0)
  }

  close(): Promise<void> {
    return this.lab.stop()
  }
}

/** Of words, so that they compress as mail does. */
export function mailsOf(
  { messages, messageBytes }: Settings,
  seed: number,
  to: string,
): readonly Uint8Array[] {
  const random = seededRandom(seed)
  return Array.from({ length: messages }, () => {
    const id = Math.floor(random.next() * 2 ** 48).toString(36)
    let text = `From: <user@${NEAR}>\r\nTo: <${to}>\r\nSubject: ${words(random, 4)}\r\nMessage-ID: <${id}@${NEAR}>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n`
    while (text.length < messageBytes) text += `${words(random, 10)}\r\n`
    return fromLatin1(text)
  })
}

/** None where the link is always there. */
function contactsOf({ contactsPerDay }: Point, { contactMs }: Settings): LinkContact[] {
  if (contactsPerDay === 0) return []
  // Whole milliseconds, as in files: parts of one are lost where contacts are dates.
  const everyMs = Math.floor(DAY_MS / contactsPerDay)
  // Half a turn after the start, so that mail has to wait.
  const fromMs = Math.floor(everyMs / 2)
  return [{ fromMs, untilMs: fromMs + contactMs, everyMs }]
}

function scenarioOf(carriage: Carriage, point: Point, settings: Settings, seed: number): Scenario {
  const parsed = parseScenario(scenarioText(carriage, point, settings), 'the scenario of this')
  if (!parsed.ok) throw parsed.fault
  const contacts = contactsOf(point, settings)
  return {
    ...parsed.value,
    seed,
    links: parsed.value.links.map((link) => ({
      ...link,
      lossShare: point.lossShare,
      ...(contacts.length > 0 && { contacts }),
    })),
    hosts: parsed.value.hosts.map((host) => ({
      ...host,
      ...outgoingOf(carriage, point),
      ...(contacts.length > 0 && { contactPlan: contactPlanOf(contacts, settings) }),
    })),
  }
}

function outgoingOf(carriage: Carriage, { oneWayDelayMs }: Point): Partial<ScenarioHost> {
  if (carriage === 'bundles-udp' || carriage === 'bundles-tcpcl') return {}
  const tls = carriage === 'smtp-starttls' ? 'required' : 'never'
  const pipelining = carriage !== 'smtp'
  return { outgoing: { tls, pipelining, oneWayDelayMs, routes: [] } }
}

function contactPlanOf(
  contacts: readonly LinkContact[],
  { rateBytesPerSec }: Settings,
): Required<ScenarioHost>['contactPlan'] {
  const planned = contacts.flatMap(({ fromMs, untilMs, everyMs = DAY_MS }) =>
    Array.from({ length: Math.floor((PLANNED_DAYS * DAY_MS) / everyMs) }, (_, turn): Contact[] => {
      const from = wallMs(fromMs + turn * everyMs)
      const until = wallMs(untilMs + turn * everyMs)
      const one = { from, until, rateBytesPerSec, confidence: 1 }
      return [
        { source: 2n, destination: 3n, ...one },
        { source: 3n, destination: 2n, ...one },
      ]
    }).flat(),
  )
  return { isFromStart: true, contacts: planned, ranges: [] }
}

function scenarioText(
  carriage: Carriage,
  { oneWayDelayMs }: Point,
  { rateBytesPerSec }: Settings,
): string {
  const delay = `${oneWayDelayMs}ms`
  const protocol = carriage === 'bundles-udp' ? 'udp' : 'tcp'
  const pace = protocol === 'udp' ? `, rate: ${Math.round(rateBytesPerSec * PACED_SHARE)}B/s` : ''
  const isBundles = carriage === 'bundles-udp' || carriage === 'bundles-tcpcl'
  const host = (number: 1 | 2): string => {
    const other = 3 - number
    const [here, there] = [`172.2${number}.0.3`, `172.2${other}.0.3`]
    const route = isBundles ? `bp:ipn:${other + 1}.2525` : `smtp:[${there}]:25`
    return `  - host: mail-${number}.a.com
    network: ${number === 1 ? 'near' : 'far'}
    address: ${here}
    node: ipn:${number + 1}
    users: [{ name: user, password: ${USER.password} }]
    smtp: { listen: "${here}:25", oneWayDelay: ${delay} }
    submission: { listen: "${here}:587", plaintextAuth: allow }
    imap: { listen: "${here}:143", plaintextAuth: allow, oneWayDelay: ${delay} }
    pop3: { listen: "${here}:110", plaintextAuth: allow, oneWayDelay: ${delay} }
    ${protocol}: { listen: "${here}:4556"${pace} }
    plans: [{ to: ipn:${other + 1}, protocol: ${protocol}, duct: "${there}:4556", oneWayDelay: ${delay} }]
    transport: { mail-${other}.a.com: "${route}" }`
  }
  return `
name: experiment
seed: 1
networks:
  - { name: near, prefix: 172.21.0.0/24 }
  - { name: far, prefix: 172.22.0.0/24 }
links:
  - { between: [near, far], oneWayDelay: ${delay}, rate: ${rateBytesPerSec}B/s }
hosts:
${host(1)}
${host(2)}
`
}

async function submitOne(
  machine: LabMachine['machine'],
  options: ScenarioHost,
  to: string,
  message: Uint8Array,
): Promise<void> {
  const [localPart = '', domain = ''] = to.split('@')
  const server = options.submission?.listen ?? { host: options.address, port: 587 }
  const replies = await submitMail(
    {
      server,
      hostname: 'client.a.com',
      credentials: USER,
      from: { reversePath: { localPart: 'user', domain: NEAR }, parameters: {} },
      recipients: [{ localPart, domain }],
      message,
    },
    machine,
  )
  const [reply] = replies
  if (reply?.code !== 250) throw new RangeError(`not taken: ${reply?.lines.join(' ')}`)
}

function words(random: Random, count: number): string {
  const pick = (): string => WORDS[Math.floor(random.next() * WORDS.length)] ?? ''
  return Array.from({ length: count }, pick).join(' ')
}

const WORDS: readonly string[] =
  'the of link and a to in mail is for on that with as was station at by an be this from or relay which you are contact not have it orbit we antenna crew they will one their sample rover been has would more when who her all report if about its what up out two time wind then only some could these pressure may first other new dust battery than before must also how such any like should sol between through where much back now year after being well down day state good because each just those people how too little water window'.split(
    ' ',
  )
