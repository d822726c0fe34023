/** Plays a trial in the lab, with a ledger that watches. */

import { Fault } from '../../base/fault.ts'
import { type Random, seededRandom } from '../../base/random.ts'
import { addMs, type MonoMs, monoMs } from '../../base/time.ts'
import type { Scenario } from '../../config/scenario.ts'
import { decodeStored } from '../../dtn/stored-bundle.ts'
import type { HostEvent } from '../../ports/events.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import { Capture } from '../capture.ts'
import type { LabHost } from '../host.ts'
import { type Happening, Lab } from '../lab.ts'
import type { Hardware, LabMachine } from '../machine.ts'
import { submitMail } from '../mail-user.ts'
import { after } from '../world.ts'
import { Ledger, type Violation } from './ledger.ts'
import { DRAIN_MS_MAX, DRAIN_STEP_MS, LATE_MS, START_AGAIN_MS } from './limits.ts'
import { MailboxVisitor } from './mailbox-visitor.ts'
import { writeMail } from './sighted-mail.ts'
import {
  addressOf,
  clientAddressOf,
  hostName,
  networkName,
  SMTP_PORT,
  scenarioOf,
  USER,
} from './stage.ts'
import type { Moment, Trial, TrialFault, TrialHost, TrialMail } from './trial.ts'

export interface TrialOptions {
  /** As a lab's. */
  readonly settle: () => Promise<void>
  /** What every host is made of; default: what is sound. */
  readonly hardware?: (host: string) => Hardware
  /** What the hosts are told of themselves; default: what is true. */
  readonly told?: (scenario: Scenario) => Scenario
  /** Hears what happens on every host. */
  readonly onEvent?: (happening: Happening) => void
}

export interface TrialOutcome {
  /** Undefined where every promise was kept. */
  readonly violation: Violation | undefined
  /** Of all traffic: the same for the same trial. */
  readonly hash: string
  readonly events: number
  /** Virtual time. */
  readonly untilMs: number
}

/** Rejects with nothing: what the programs throw is a violation. */
export async function runTrial(trial: Trial, options: TrialOptions): Promise<TrialOutcome> {
  const run = new TrialRun(trial, options)
  await run.play()
  return run.outcome
}

/** What a host must have brought to its end when nothing is on its way any more. */
const DRAINED_TABLES = ['spool', 'bridge-outbox'] as const

class TrialRun {
  readonly #trial: Trial
  readonly #lab: Lab
  readonly #ledger: Ledger
  readonly #luck: Random
  readonly #clients: ReadonlyMap<number, LabHost>
  readonly #visitors: ReadonlyMap<number, MailboxVisitor>
  readonly #numbers: ReadonlyMap<string, number>
  /** Under way. */
  #submissions = 0
  /** Faults that wait for something to happen. */
  readonly #waiting: { readonly fault: TrialFault & { readonly type: 'power' }; left: number }[] =
    []

  constructor(trial: Trial, options: TrialOptions) {
    const { settle, hardware, told = (scenario) => scenario, onEvent = () => {} } = options
    this.#trial = trial
    this.#luck = seededRandom(trial.seed ^ 0x5eed)
    this.#numbers = new Map(trial.hosts.map(({ number }) => [hostName(number), number]))
    this.#lab = new Lab(told(scenarioOf(trial)), {
      settle,
      // Its sum is all that is asked for.
      capture: new Capture(0),
      onEvent: (happening) => {
        onEvent(happening)
        this.#told(happening.host, happening.event)
      },
      ...(hardware && { hardware }),
    })
    const now = (): MonoMs => this.#lab.world.now()
    this.#ledger = new Ledger(trial, now)
    this.#clients = new Map(
      trial.hosts.map((host) => {
        const name = `client-${host.number}.a.com`
        const { network } = this.#lab
        return [
          host.number,
          network.addHost(name, networkName(host.network), clientAddressOf(host)),
        ]
      }),
    )
    this.#visitors = new Map(
      trial.hosts.map((host) => [
        host.number,
        new MailboxVisitor(host, this.#client(host.number), this.#ledger),
      ]),
    )
  }

  get outcome(): TrialOutcome {
    const { world, network } = this.#lab
    return {
      violation: this.#ledger.violation,
      hash: network.capture.hash(),
      events: world.eventCount,
      untilMs: world.now(),
    }
  }

  async play(): Promise<void> {
    try {
      await this.#lab.start()
      this.#prepare()
      await this.#runUntil(monoMs(this.#endsAt()))
      await this.#drain()
      if (this.#ledger.violation === undefined) await this.#lookEverywhere()
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#ledger.violated('ended', text)
    }
  }

  /** When all that the trial says has happened. */
  #endsAt(): number {
    const { links, mails, visits, faults } = this.#trial
    return Math.max(
      0,
      ...mails.map(({ atMs }) => atMs),
      ...visits.map(({ atMs }) => atMs),
      ...faults.map((fault) => ('atMs' in fault ? fault.atMs : 0) + fault.forMs),
      // The last one does not end.
      ...links.map(({ quality }) => quality.contacts?.at(-1)?.fromMs ?? 0),
    )
  }

  #prepare(): void {
    const { mails, visits, faults } = this.#trial
    for (const mail of mails) this.#at(mail.atMs, () => this.#submit(mail))
    for (const visit of visits)
      this.#at(visit.atMs, () => this.#visitors.get(visit.host)?.visit(visit))
    for (const fault of faults) this.#plan(fault)
  }

  #at(atMs: number, action: () => void): void {
    this.#lab.world.at(monoMs(atMs), action)
  }

  /** Not beyond the first violation. */
  async #runUntil(until: MonoMs): Promise<void> {
    const { world } = this.#lab
    // An event there, so that time gets that far.
    world.at(until, () => {})
    await world.run(() => this.#ledger.violation !== undefined || world.now() >= until)
  }

  async #drain(): Promise<void> {
    const { world } = this.#lab
    const until = addMs(world.now(), DRAIN_MS_MAX)
    while (this.#ledger.violation === undefined) {
      const waiting = this.#stillWaiting()
      if (waiting === undefined) break
      if (world.now() >= until) this.#ledger.violated('drain', waiting)
      else await this.#runUntil(addMs(world.now(), DRAIN_STEP_MS))
    }
    // What was sent too often would come now.
    await this.#runUntil(addMs(world.now(), LATE_MS))
  }

  #stillWaiting(): string | undefined {
    if (this.#submissions > 0) return 'a mail program still hands a mail in'
    for (const { options, isOn, store } of this.#lab.hosts) {
      if (!isOn) return `${options.host} is off`
      for (const table of DRAINED_TABLES) {
        const [key] = store.keys(table, {})
        if (key !== undefined) return `${options.host} has ${key} in ${table}`
      }
      for (const { key, value } of store.range('bundles', {})) {
        if (!isRemnant(value, options.node)) return `${options.host} has the bundle ${key}`
      }
    }
    return undefined
  }

  async #lookEverywhere(): Promise<void> {
    for (const [number, visitor] of this.#visitors) {
      await this.#lab.perform(visitor.lookAtFiles(this.#machine(number).disk))
      for (const protocol of ['imap', 'pop3'] as const) {
        await this.#lab.perform(visitor.visit({ protocol, removes: false }, 'must succeed'))
      }
    }
    this.#ledger.settled()
  }

  #submit(mail: TrialMail): void {
    const host = this.#trial.hosts.find(({ number }) => number === mail.from) as TrialHost
    const submitted = submitMail(
      {
        server: { host: addressOf(host), port: SMTP_PORT },
        hostname: 'client.a.com',
        credentials: USER,
        from: {
          reversePath: { localPart: USER.user, domain: hostName(mail.from) },
          parameters: {},
        },
        recipients: mail.to.map((to) => ({ localPart: to.user, domain: hostName(to.host) })),
        recipientParameters: mail.to.map(({ notify }) => (notify ? { notify } : {})),
        message: writeMail(mail, this.#trial.seed),
      },
      this.#client(mail.from),
    )
    const answered = ({ code }: Reply): number => code
    this.#submissions++
    submitted
      .then(
        (replies) => this.#ledger.answered(mail, replies.map(answered)),
        (error) => this.#failed(error),
      )
      .finally(() => {
        this.#submissions--
      })
  }

  /** A Fault is what faults lead to; all else is a mistake of ours. */
  #failed(error: unknown): void {
    if (error instanceof Fault) return
    this.#ledger.violated('ended', error instanceof Error ? (error.stack ?? '') : String(error))
  }

  #plan(fault: TrialFault): void {
    switch (fault.type) {
      case 'power':
        if ('atMs' in fault.when) this.#at(fault.when.atMs, () => this.#cutPower(fault))
        else this.#waiting.push({ fault, left: fault.when.count })
        return
      case 'store': {
        const broken = new Fault(fault.code, 'the disk does not answer', { temporary: true })
        this.#during(fault, (isBegun) => {
          this.#machine(fault.host).storeFault = isBegun ? broken : undefined
        })
        return
      }
      case 'disk':
        this.#during(fault, (isBegun) => {
          this.#machine(fault.host).diskFault = isBegun ? fault.code : undefined
        })
        return
      case 'clock':
        this.#during(fault, (isBegun) => {
          this.#machine(fault.host).machine.setClock(isBegun ? fault.aheadMs : 0)
        })
        return
      case 'link':
        this.#during(fault, (isBegun) => {
          const [a = '', b = ''] = this.#linkNamed(fault.link)
          this.#lab.network.setLink([a, b], { isDown: isBegun })
        })
    }
  }

  #during(
    { atMs, forMs }: { readonly atMs: number; readonly forMs: number },
    set: (isBegun: boolean) => void,
  ): void {
    this.#at(atMs, () => set(true))
    this.#at(atMs + forMs, () => set(false))
  }

  #told(name: string, event: HostEvent): void {
    const host = this.#numbers.get(name)
    if (host === undefined) return
    this.#ledger.told(host, event)
    this.#ledger.stored(host, this.#machine(host).store.usedBytes)
    for (const waiting of this.#waiting) {
      const { fault } = waiting
      if (fault.host !== host || !isAfter(fault.when, event) || --waiting.left !== 0) continue
      const laterMs = 'laterMs' in fault.when ? fault.when.laterMs : 0
      this.#at(this.#lab.world.now() + laterMs, () => this.#cutPower(fault))
    }
  }

  #cutPower({ host, forMs, isLucky }: TrialFault & { readonly type: 'power' }): void {
    const machine = this.#machine(host)
    if (!machine.isOn) return
    machine.kill(isLucky ? this.#luck : undefined)
    after(this.#lab.world, forMs, () => this.#switchOn(machine))
  }

  /** Again and again, as an operator would, until nothing is in the way. */
  #switchOn(machine: LabMachine): void {
    machine.start().catch((error) => {
      this.#failed(error)
      machine.kill()
      after(this.#lab.world, START_AGAIN_MS, () => this.#switchOn(machine))
    })
  }

  #linkNamed(name: string): readonly string[] {
    return this.#trial.links.find((link) => link.name === name)?.between.map(networkName) ?? []
  }

  #machine(number: number): LabMachine {
    return this.#lab.host(hostName(number))
  }

  #client(number: number): LabHost {
    return this.#clients.get(number) as LabHost
  }
}

/**
 * A piece of what was to come here, sent once too often: the rest of it was lost and nobody sends it
 * again. It waits for the end of its lifetime, or gives way.
 */
function isRemnant(stored: Uint8Array, node: bigint): boolean {
  const primary = decodeStored(0, stored)?.bundle.primary
  if (primary?.fragment === undefined || primary.destination.scheme !== 'ipn') return false
  return primary.destination.node === node
}

function isAfter(when: Moment, event: HostEvent): boolean {
  return 'after' in when && when.after === event.type
}
