/** What programs of the user who runs a host may ask of its mail: `mailq`, `lightlag queue`, `lightlag fault`. */

import { fromUtf8, NO_BYTES, toUtf8 } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import type { Accounts } from '../mail/accounts.ts'
import type { InjectedFault, InjectedFaults } from '../mail/policy/injected-faults.ts'
import type { MailQueue } from '../mail/queue.ts'
import type { Clock } from '../ports/clock.ts'
import { FAULT_POINTS } from '../proto/smtp/fault-point.ts'
import type { CarryDesk } from './carry-desk.ts'
import type { BridgeFaultCode } from './fault.ts'
import type { Gateway } from './gateway.ts'
import type { Journal } from './journal.ts'
import type { AboutHost } from './mail-client.ts'
import type { MailHostOptions } from './mail-host-options.ts'
import { matches, type QueueAction, type QueueEntry, type QueueSelection } from './mail-requests.ts'
import type { ObjectTransport } from './object-transport.ts'
import type { QueueCost } from './queue-cost.ts'
import { pageOfQueue, queueEntry } from './queue-list.ts'
import { traceOf } from './trace.ts'

export type MailControlOptions = Pick<MailHostOptions, 'host' | 'limits'>

export interface MailControlPorts {
  readonly accounts: Accounts
  /** The directory in which every user has one. */
  readonly homes: string
  readonly queue: MailQueue
  readonly journal: Journal
  readonly transport: Pick<ObjectTransport, 'progressOf'>
  /** Default: there are no peers. */
  readonly carrying?: Carrying | undefined
  readonly cost: QueueCost
  readonly faults: InjectedFaults
  readonly clock: Clock
}

/** What `lightlag carry` needs of a host. */
export interface Carrying {
  readonly desk: CarryDesk
  readonly gateway: Gateway
  readonly transport: ObjectTransport
}

const LINE_FEED = 0x0a

export class MailControl {
  readonly #options: MailControlOptions
  readonly #ports: MailControlPorts
  /** One action after the other: two on one mail would stand in each other's way. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: MailControlOptions, ports: MailControlPorts) {
    this.#options = options
    this.#ports = ports
  }

  /** Rejects with a Fault. */
  async call(name: string, body: Uint8Array): Promise<Uint8Array> {
    switch (name) {
      case 'queue-list':
        return json(this.#list(read<{ readonly after: string }>(body).after))
      case 'queue-message': {
        const asked = read<{ readonly queueId: string; readonly index: number }>(body)
        return this.#message(asked.queueId, asked.index)
      }
      case 'queue-act': {
        const { action, selection } = read<{
          readonly action: QueueAction
          readonly selection: QueueSelection
        }>(body)
        const done = this.#turn.then(() => this.#act(action, selection))
        this.#turn = done.catch(asFault)
        return json(await done)
      }
      case 'queue-cost':
        return json(await this.#ports.cost.costs())
      case 'trace':
        return json(traceOf(read<{ readonly name: string }>(body).name, this.#ports))
      case 'carry-list':
      case 'carry-read':
      case 'carry-written':
      case 'carry-begin':
      case 'carry-piece':
      case 'carry-end':
        return this.#carry(name, body)
      case 'about':
        return json(this.#about(read<{ readonly user?: string }>(body).user))
      case 'fault-list':
        return json(this.#ports.faults.all)
      case 'fault-add':
        return json({ id: this.#addFault(read<InjectedFault>(body)) })
      case 'fault-remove': {
        const { id } = read<{ readonly id?: number }>(body)
        return json({ removed: this.#removeFaults(id) })
      }
      default:
        throw refused(`this host does nothing called ${name}`)
    }
  }

  async #carry(name: string, body: Uint8Array): Promise<Uint8Array> {
    const { carrying } = this.#ports
    if (carrying === undefined) throw refused('this host has no peers that mail is carried to')
    const { desk, gateway, transport } = carrying
    switch (name) {
      case 'carry-list': {
        const { after } = read<{ readonly after: string }>(body)
        if (after === '') await desk.packAll((carrier) => transport.flush(carrier))
        return json(await desk.list(after))
      }
      case 'carry-read': {
        const { key, index } = read<{ readonly key: string; readonly index: number }>(body)
        return desk.read(key, index)
      }
      case 'carry-written': {
        const told = read<{ readonly keys: readonly string[]; readonly place: string }>(body)
        await desk.written(told.keys, told.place)
        return json({})
      }
      case 'carry-begin':
        return json({ upload: desk.begin() })
      case 'carry-piece': {
        const end = body.indexOf(LINE_FEED)
        const upload = Number(toUtf8(body.subarray(0, end)))
        return json({ isMoreWanted: desk.piece(upload, body.slice(end + 1)) })
      }
      default:
        return json(await desk.end(read<{ readonly upload: number }>(body).upload, gateway))
    }
  }

  #about(user: string | undefined): AboutHost {
    const { host, limits } = this.#options
    const { accounts, homes } = this.#ports
    const account = user === undefined ? undefined : accounts.named(user)
    return {
      host,
      messageBytesMax: limits.messageBytesMax,
      ...(account && { maildir: `${homes}/${account.name}/Maildir` }),
    }
  }

  #addFault(fault: InjectedFault): number {
    if (!FAULT_POINTS.includes(fault.at)) {
      throw refused(`a fault at ${fault.at}: ${FAULT_POINTS.join(' or ')} would be right`)
    }
    if (fault.reply === undefined && fault.delayMs === undefined) {
      throw refused('a fault without reply and delayMs: one of them would be right')
    }
    try {
      return this.#ports.faults.add(fault)
    } catch (error) {
      if (error instanceof RangeError) throw refused(error.message)
      throw error
    }
  }

  /** Without a number: all of them. */
  #removeFaults(id: number | undefined): number {
    const { faults } = this.#ports
    if (id !== undefined) return faults.remove(id) ? 1 : 0
    const count = faults.all.length
    faults.replace([])
    return count
  }

  /** A page; the next begins after its last, until a page is empty. */
  #list(after: string): readonly QueueEntry[] {
    const { queue } = this.#ports
    return pageOfQueue(queue, after).flatMap((queueId) => {
      const entry = queueEntry(queue, queueId)
      return entry === undefined ? [] : [this.#withArrival(entry)]
    })
  }

  #withArrival(entry: QueueEntry): QueueEntry {
    const arrivals = new Map(
      this.#ports.transport
        .progressOf(entry.queueId)
        .map(({ route, arrivalAt }) => [route, arrivalAt]),
    )
    const recipients = entry.recipients.map((recipient) => {
      const arrivalAt = arrivals.get(recipient.route)
      return arrivalAt === undefined ? recipient : { ...recipient, arrivalAt }
    })
    return { ...entry, recipients }
  }

  /** A piece, empty behind the last. */
  async #message(queueId: string, index: number): Promise<Uint8Array> {
    const { queue } = this.#ports
    const view = queue.look(queueId)
    if (view === undefined) throw refused(`no mail ${queueId} in the queue`)
    return (await queue.pieceAnywhere(view.envelope, index)) ?? NO_BYTES
  }

  async #act(
    action: QueueAction,
    selection: QueueSelection,
  ): Promise<{ readonly matched: number; readonly done: number }> {
    const now = this.#ports.clock.wall()
    let [matched, done] = [0, 0]
    const act = async (queueId: string): Promise<void> => {
      const entry = queueEntry(this.#ports.queue, queueId)
      if (entry === undefined || !matches(entry, selection, now)) return
      matched++
      if (await this.#actOn(action, queueId)) done++
    }
    if (selection.queueIds !== undefined) {
      for (const queueId of selection.queueIds) await act(queueId)
      return { matched, done }
    }
    let page = pageOfQueue(this.#ports.queue, '')
    while (page.length > 0) {
      for (const queueId of page) await act(queueId)
      // Whoever else has something to do comes in between.
      await this.#pause()
      page = pageOfQueue(this.#ports.queue, page.at(-1) ?? '')
    }
    return { matched, done }
  }

  #pause(): Promise<void> {
    const { clock } = this.#ports
    return new Promise((resume) => {
      clock.at(clock.now(), resume)
    })
  }

  async #actOn(action: QueueAction, queueId: string): Promise<boolean> {
    const { queue } = this.#ports
    switch (action) {
      case 'hold':
        return queue.hold(queueId)
      case 'release':
        return queue.release(queueId)
      case 'requeue':
        return queue.requeue(queueId)
      case 'delete':
        return queue.end(queueId, 'deleted')
      case 'bounce':
        return queue.end(queueId, 'returned')
      default:
        throw refused('none of the things that can be done with a queue')
    }
  }
}

function json(value: unknown): Uint8Array {
  return fromUtf8(JSON.stringify(value))
}

/** What a program of the same version writes. */
function read<Value extends object>(body: Uint8Array): Value {
  try {
    const value: unknown = JSON.parse(toUtf8(body))
    if (typeof value === 'object' && value !== null) return value as Value
  } catch {
    // Told below.
  }
  throw refused('a request that is no JSON object')
}

function refused(message: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/bad-request', message, { temporary: false })
}
