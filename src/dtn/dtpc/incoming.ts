/**
 * ADUs that come: what a sender hears as acknowledged is on the disk before, in the inbox of its
 * topic or among those that wait for their turn.
 */

import { asFault } from '../../base/fault.ts'
import { addMs, type WallMs, wallMs } from '../../base/time.ts'
import { runMachine } from '../../drive/run.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EventSink } from '../../ports/events.ts'
import type { Store, StoreChange } from '../../ports/store.ts'
import { formatEndpointId, ipnEndpoint, parseEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import { decodeDtpc, encodeDtpc } from '../../proto/dtpc/codec.ts'
import { type DtpcData, streamName } from '../../proto/dtpc/pdu.ts'
import {
  DtpcReceiver,
  type InboundAdu,
  type ReceiverEffect,
  type ReceiverEvent,
  type ReceivingStream,
} from '../../proto/dtpc/receiver.ts'
import { unacceptable } from '../fault.ts'
import type { BundleNode, ReceivedAdu } from '../node.ts'
import type { Inbox, NewItem } from './inbox.ts'
import type { Journal } from './journal.ts'
import { DTPC_SEND_SERVICE, type Outgoing } from './outgoing.ts'
import { put, readStored, removal, TABLES } from './stored.ts'

/** ION's: ADUs and acknowledgements come here. */
export const DTPC_RECEIVE_SERVICE = 129n

/** What an acknowledgement lives beyond the ADU's own time, where its profile is not known here; ION's. */
const ACKNOWLEDGEMENT_LIFETIME_MS = 10_000

type StreamHeader = Pick<ReceivingStream, 'next' | 'newestEndsAt'>
interface HeldHeader {
  readonly lifetimeEndsAt: number
}

export interface IncomingPorts {
  readonly node: BundleNode
  readonly store: Store
  readonly clock: Clock
  readonly events: EventSink
  readonly journal: Journal
  readonly inbox: Inbox
  readonly outgoing: Outgoing
}

export class Incoming {
  readonly #ports: IncomingPorts
  readonly #feed: (event: ReceiverEvent) => void
  #effects: ReceiverEffect[] = []

  constructor(ports: IncomingPorts) {
    this.#ports = ports
    this.#feed = runMachine<ReceiverEvent, ReceiverEffect>(
      new DtpcReceiver(),
      ports.clock,
      (effect) => {
        // A timer's are nobody's else to carry out.
        if (this.#effects.length === 0) void Promise.resolve().then(() => this.#onTimer())
        this.#effects.push(effect)
      },
    )
  }

  /** Before the node starts. */
  recover(): void {
    const { store } = this.#ports
    const streams: ReceivingStream[] = []
    for (const { key, value } of store.range(TABLES.incomingStreams, {})) {
      const [source = '', profile = ''] = key.split(' ')
      const { header } = readStored<StreamHeader>(value)
      streams.push({ source, profile: Number(profile), ...header })
    }
    streams.sort((a, b) => a.newestEndsAt - b.newestEndsAt)
    for (const stream of streams) this.#feed({ type: 'recovered-stream', stream })
    for (const { key, value } of store.range(TABLES.held, {})) {
      const [source = '', profile = 0, sequence = 0] = key.split(' ')
      const { header, bytes } = readStored<HeldHeader>(value)
      const numbers = { profile: Number(profile), sequence: Number(sequence) }
      const adu = this.#inbound(source, numbers, bytes.length, wallMs(header.lifetimeEndsAt))
      this.#feed({ type: 'recovered-held', adu })
    }
  }

  /**
   * What comes to the service of DTPC. Rejects with a Fault: permanent for what is none of it,
   * temporary where there is no room.
   */
  async receive(
    { source, payload, bundle, expiresAt }: ReceivedAdu,
    alongside: (changes: readonly StoreChange[]) => void,
  ): Promise<void> {
    const decoded = decodeDtpc(payload)
    if (!decoded.ok) throw unacceptable(decoded.fault.message)
    if (source.scheme !== 'ipn') throw unacceptable(`DTPC of ${formatEndpointId(source)}`)
    const pdu = decoded.value
    if (pdu.type === 'acknowledgement') {
      const receiver = formatEndpointId(ipnEndpoint(source.node, DTPC_RECEIVE_SERVICE))
      this.#ports.outgoing.acknowledged(receiver, pdu.profile, pdu.sequence)
      return
    }
    const objection = this.#ports.inbox.objection(pdu.topics.map(({ topic }) => topic))
    if (objection !== undefined) throw objection
    const name = formatEndpointId(source)
    if (pdu.sequence === 0) await this.#takeOnce(name, pdu, bundle, alongside)
    else await this.#take(name, pdu, payload, expiresAt)
  }

  /** The same bundle may come again when we crash before it has left the node's store. */
  async #takeOnce(
    source: string,
    pdu: DtpcData,
    bundle: string,
    alongside: (changes: readonly StoreChange[]) => void,
  ): Promise<void> {
    const { store, journal, inbox } = this.#ports
    if (store.get(TABLES.seen, bundle) === undefined) {
      const { changes, placed } = inbox.place(this.#itemsOf(source, pdu))
      await journal.commit([...changes, put(TABLES.seen, bundle, {})])
      placed()
    }
    alongside([removal(TABLES.seen, bundle)])
  }

  async #take(source: string, pdu: DtpcData, payload: Uint8Array, endsAt: WallMs): Promise<void> {
    this.#feed({ type: 'adu', adu: this.#inbound(source, pdu, payload.length, endsAt) })
    const effects = this.#effects
    this.#effects = []
    const refused = effects.find(({ type }) => type === 'refuse')
    await this.#carryOut(effects, { source, pdu, payload })
    if (refused?.type === 'refuse') throw refused.fault
  }

  async #onTimer(): Promise<void> {
    const effects = this.#effects
    this.#effects = []
    if (effects.length > 0) await this.#carryOut(effects, undefined).catch(asFault)
  }

  /** All changes go to the disk together; then what was said of them is true. */
  async #carryOut(
    effects: readonly ReceiverEffect[],
    came:
      | { readonly source: string; readonly pdu: DtpcData; readonly payload: Uint8Array }
      | undefined,
  ): Promise<void> {
    const { inbox, journal } = this.#ports
    const changes: StoreChange[] = []
    const items: NewItem[] = []
    for (const effect of effects) {
      if (effect.type === 'deliver' && came !== undefined) {
        items.push(...this.#itemsOf(came.source, came.pdu))
      } else if (effect.type === 'hold' && came !== undefined) {
        const { lifetimeEndsAt } = effect.adu
        changes.push(put(TABLES.held, heldKey(effect.adu), { lifetimeEndsAt }, came.payload))
      } else if (effect.type === 'deliver-held') items.push(...this.#heldItems(effect.adu))
      changes.push(...changesOf(effect))
    }
    const { changes: placing, placed } = inbox.place(items)
    await journal.commit([...changes, ...placing])
    placed()
    for (const effect of effects) if (effect.type === 'acknowledge') this.#acknowledge(effect)
  }

  #heldItems(adu: InboundAdu): readonly NewItem[] {
    const value = this.#ports.store.get(TABLES.held, heldKey(adu))
    const pdu = value === undefined ? undefined : decodeDtpc(readStored(value).bytes.slice())
    if (pdu?.ok && pdu.value.type === 'data') return this.#itemsOf(adu.source, pdu.value)
    const reason = `ADU ${heldKey(adu)} is damaged; it is skipped`
    this.#ports.events({ type: 'trouble', where: 'dtpc', reason })
    return []
  }

  #itemsOf(source: string, { profile, topics }: DtpcData): readonly NewItem[] {
    const arrivedAt = this.#ports.clock.wall()
    return topics.flatMap(({ topic, records }) =>
      records.map((bytes) => ({ topic, source, profile, arrivedAt, bytes })),
    )
  }

  /** Nobody waits for it: where it cannot be sent, the ADU comes again. */
  #acknowledge({
    source,
    profile,
    sequence,
  }: ReceiverEffect & { readonly type: 'acknowledge' }): void {
    const sender = parseEndpointId(source)
    if (sender?.scheme !== 'ipn') return
    const { node, outgoing, events } = this.#ports
    const known = outgoing.profile(profile)
    node
      .send({
        sourceService: DTPC_SEND_SERVICE,
        destination: ipnEndpoint(sender.node, DTPC_RECEIVE_SERVICE),
        payload: encodeDtpc({ type: 'acknowledgement', profile, sequence }),
        lifetimeMs: known?.lifetimeMs ?? ACKNOWLEDGEMENT_LIFETIME_MS,
      })
      .catch((error: unknown) => {
        events({ type: 'trouble', where: 'dtpc', reason: asFault(error).message })
      })
  }

  #inbound(
    source: string,
    { profile, sequence }: { readonly profile: number; readonly sequence: number },
    sizeBytes: number,
    lifetimeEndsAt: WallMs,
  ): InboundAdu {
    const { clock } = this.#ports
    const expiresAt = addMs(clock.now(), lifetimeEndsAt - clock.wall())
    return { source, profile, sequence, sizeBytes, expiresAt, lifetimeEndsAt }
  }
}

function changesOf(effect: ReceiverEffect): readonly StoreChange[] {
  switch (effect.type) {
    case 'deliver-held':
    case 'drop-held':
      return [removal(TABLES.held, heldKey(effect.adu))]
    case 'remember': {
      const { source, profile, next, newestEndsAt } = effect.stream
      const header: StreamHeader = { next, newestEndsAt }
      return [put(TABLES.incomingStreams, streamName(source, profile), header)]
    }
    case 'forget':
      return [removal(TABLES.incomingStreams, streamName(effect.source, effect.profile))]
    default:
      return []
  }
}

function heldKey({ source, profile, sequence }: InboundAdu): string {
  return `${streamName(source, profile)} ${sequence}`
}
