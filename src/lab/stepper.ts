/** Walks through a run event by event, and says what came of each. */

import type { MonoMs } from '../base/time.ts'
import type { HostEvent } from '../ports/events.ts'
import type { CapturedPacket } from './capture.ts'
import type { Happening, Lab } from './lab.ts'
import { PacketWords } from './pictures/packet-words.ts'
import { timeText } from './recording.ts'

/** One event of the world, and what was seen of it. */
export interface Step {
  /** Of the run, from 1. */
  readonly number: number
  readonly at: MonoMs
  readonly arrived: readonly CapturedPacket[]
  readonly sent: readonly CapturedPacket[]
  readonly told: readonly Happening[]
}

export interface StepperState {
  readonly events: number
  readonly now: MonoMs
  readonly nextAt: MonoMs | undefined
  readonly packetsUnderWay: number
  readonly hosts: readonly {
    readonly host: string
    readonly isOn: boolean
    readonly mails: number
    readonly bundles: number
  }[]
}

export interface StepperOptions {
  /** One line of the log for each event that a host tells of. */
  readonly lineOf: (event: HostEvent) => string
}

export class Stepper {
  readonly #words: PacketWords = new PacketWords()
  readonly #lab: Lab
  readonly #lineOf: StepperOptions['lineOf']
  #told: Happening[] = []
  #seenPackets: number
  #underWay: readonly CapturedPacket[] = []

  /** `lab` has been started, and its events go to `hear`. */
  constructor(lab: Lab, { lineOf }: StepperOptions) {
    this.#lab = lab
    this.#lineOf = lineOf
    this.#seenPackets = 0
    this.#takeSent()
  }

  hear(happening: Happening): void {
    this.#told.push(happening)
  }

  /** Undefined where nothing is left to happen. */
  async step(): Promise<Step | undefined> {
    const { world } = this.#lab
    const before = world.eventCount
    this.#told = []
    await world.run(() => world.eventCount > before)
    if (world.eventCount === before) return undefined
    const at = world.now()
    const sent = this.#takeSent()
    const arrived = this.#underWay.filter((packet) => arrivesBy(packet, at))
    this.#underWay = this.#underWay.filter((packet) => !arrivesBy(packet, at))
    return { number: world.eventCount, at, arrived, sent, told: this.#told }
  }

  get state(): StepperState {
    const { world, hosts } = this.#lab
    return {
      events: world.eventCount,
      now: world.now(),
      nextAt: world.nextAt,
      packetsUnderWay: this.#underWay.length,
      hosts: hosts.map((machine) => ({
        host: machine.options.host,
        isOn: machine.isOn,
        ...(machine.isOn ? machine.waiting : { mails: 0, bundles: 0 }),
      })),
    }
  }

  /** Some lines: what came, what left, what hosts told; or that nothing was seen. */
  text({ number, at, arrived, sent, told }: Step): string {
    const lines = [
      ...arrived.map((packet) => `arrives at ${packet.to}: ${this.#words.describe(packet)}`),
      ...told.map(({ host, event }) => `${host}: ${this.#lineOf(event)}`),
      ...sent.map((packet) => {
        const lost = packet.arrivesAt === 'lost' ? ', and gets lost' : ''
        return `${packet.from} sends to ${packet.to}: ${this.#words.describe(packet)}${lost}`
      }),
    ]
    const shown = lines.length === 0 ? ['nothing that can be seen from outside'] : lines
    return `event ${number} at ${timeText(at)}\n${shown.map((line) => `  ${line}\n`).join('')}`
  }

  #takeSent(): readonly CapturedPacket[] {
    const { packets } = this.#lab.network.capture
    const sent = packets.slice(this.#seenPackets)
    this.#seenPackets = packets.length
    this.#underWay = [...this.#underWay, ...sent.filter(({ arrivesAt }) => arrivesAt !== 'lost')]
    return sent
  }
}

/** Whose event it is that a packet arrives, nobody tells: of those due now it may be one of several. */
function arrivesBy({ arrivesAt }: CapturedPacket, now: MonoMs): boolean {
  return arrivesAt !== 'lost' && arrivesAt <= now
}

/** Whether a host sent, got or told something in it; `name` may be its beginning. */
export function isOf({ arrived, sent, told }: Step, name: string): boolean {
  const isIt = (host: string): boolean => host === name || host.startsWith(`${name}.`)
  return (
    arrived.some(({ to }) => isIt(to)) ||
    sent.some(({ from }) => isIt(from)) ||
    told.some(({ host }) => isIt(host))
  )
}

export function stateText(state: StepperState): string {
  const { events, now, nextAt, packetsUnderWay, hosts } = state
  const next =
    nextAt === undefined ? 'nothing is left to happen' : `the next at ${timeText(nextAt)}`
  const lines = hosts.map(({ host, isOn, mails, bundles }) =>
    isOn ? `${host}: ${mails} mails queued, ${bundles} bundles held` : `${host}: no power`,
  )
  const head = `${timeText(now)}: ${events} events so far, ${next}; ${packetsUnderWay} packets under way`
  return `${[head, ...lines.map((line) => `  ${line}`)].join('\n')}\n`
}
