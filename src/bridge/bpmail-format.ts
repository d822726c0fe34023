/**
 * Mail to a next hop that speaks bpmail: each in an item of DTPC. It counts as delivered when the far
 * node has acknowledged the item, or with a profile without acknowledgements when a bundle has it; what
 * becomes of it there nobody tells.
 */

import { assert } from '../base/assert.ts'
import { concat, fromUtf8, toHex } from '../base/bytes.ts'
import { asFault, Fault } from '../base/fault.ts'
import { sha256 } from '../base/sha256.ts'
import type { DtpcService, Outcome as ItemOutcome } from '../dtn/dtpc/service.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from '../mail/delivery.ts'
import type { Clock } from '../ports/clock.ts'
import type { Packing } from '../ports/packing.ts'
import type { StoreChange } from '../ports/store.ts'
import { type EndpointId, formatEndpointId } from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { writeBpmail } from './bpmail-message.ts'
import type { BridgeFaultCode } from './fault.ts'
import type { MailFormat } from './mail-format.ts'

/** A next hop `bp:EID` whose format is bpmail. */
export interface BpmailPeer {
  /** That of its DTPC: `ipn:3.129`. */
  readonly destination: EndpointId
  readonly profile: number
  readonly sendTopic: number
  /** Of what it sends to us; default: it does not. */
  readonly receiveTopic?: number
}

export interface BpmailFormatPorts {
  readonly dtpc: DtpcService
  readonly packing: Packing
  readonly clock: Clock
}

type End = ItemOutcome | 'withdrawn'

interface Job {
  readonly mail: MailStart
  readonly peer: BpmailPeer
  readonly recipients: readonly Mailbox[]
}

export class BpmailFormat implements MailFormat {
  readonly #peers: ReadonlyMap<string, BpmailPeer>
  readonly #ports: BpmailFormatPorts
  /** By queue ID: those that wait for an item's end. */
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(peers: readonly BpmailPeer[], ports: BpmailFormatPorts) {
    this.#peers = new Map(peers.map((peer) => [formatEndpointId(peer.destination), peer]))
    this.#ports = ports
  }

  target(destination: EndpointId): DeliveryTarget {
    const peer = this.#peers.get(formatEndpointId(destination))
    assert(peer !== undefined, 'a format is asked about its own next hops')
    return { start: (mail) => this.#start(mail, peer) }
  }

  withdraw(queueId: string): void {
    for (const leave of this.#waiting.get(queueId) ?? []) leave()
  }

  removal(queueId: string): readonly StoreChange[] {
    return this.#ports.dtpc.forgettingAll(`${queueId} `)
  }

  async #start(mail: MailStart, peer: BpmailPeer): Promise<Delivery> {
    const recipients: Mailbox[] = []
    const body: Uint8Array[] = []
    return {
      addRecipient: async (recipient) => void recipients.push(recipient),
      write: async (bytes) => void body.push(bytes),
      commit: async () => {
        let outcome: Outcome
        try {
          outcome = await this.#deliver({ mail, peer, recipients }, concat(...body.splice(0)))
        } catch (error) {
          outcome = { type: 'refused', fault: asFault(error) }
        }
        return recipients.map(() => outcome)
      },
      abort: async () => {},
    }
  }

  async #deliver(job: Job, message: Uint8Array): Promise<Outcome> {
    requirePlain(job.mail)
    const { dtpc, packing, clock } = this.#ports
    const { mail, peer, recipients } = job
    const destination = formatEndpointId(peer.destination)
    const name = itemName(job, destination)
    if (dtpc.whenSettled(name) === undefined) {
      const from = mail.from.reversePath
      const text = writeBpmail(message, { from, recipients, date: clock.wall() })
      const bytes = await packing.pack(text, { format: 'zlib' })
      const { profile, sendTopic: topic } = peer
      mail.onReady?.()
      await dtpc.send({ destination, profile, topic, bytes, name })
    }
    return outcomeOf(await this.#end(name, mail.queueId), destination)
  }

  /** Of the item, also behind the mail's own lifetime: while it is under way, the mail may arrive. */
  #end(name: string, queueId: string): Promise<End> {
    const { dtpc } = this.#ports
    return new Promise((resolve) => {
      const leaving = this.#waiting.get(queueId) ?? new Set()
      this.#waiting.set(queueId, leaving)
      const end = (how: End): void => {
        leaving.delete(withdraw)
        if (leaving.size === 0) this.#waiting.delete(queueId)
        resolve(how)
      }
      const withdraw = (): void => end('withdrawn')
      leaving.add(withdraw)
      dtpc.whenSettled(name)?.then(end, () => end('withdrawn'))
    })
  }
}

/** The same for each try of the same mail to the same recipients, and no other's. */
function itemName({ mail, recipients }: Job, destination: string): string {
  const names = recipients.map(formatMailbox).sort().join('\n')
  return `${mail.queueId} ${destination} ${toHex(sha256(fromUtf8(names)).subarray(0, 16))}`
}

/** What bpmail has no words for. RFC 3030 §3, RFC 8689 §4.2.1; reports go on, RFC 8689 §5. */
function requirePlain({ from: { parameters, reversePath } }: MailStart): void {
  const code: BridgeFaultCode = 'bridge/no-tls'
  if (parameters.requireTls && reversePath !== undefined) {
    throw new Fault(code, 'REQUIRETLS support required, and bundles have none', {
      temporary: false,
    })
  }
  if (parameters.body === 'BINARYMIME') {
    throw new Fault<BridgeFaultCode>('bridge/not-plain', 'bpmail carries no binary message', {
      temporary: false,
    })
  }
}

function outcomeOf(end: End, destination: string): Outcome {
  if (end === 'acknowledged' || end === 'sent') {
    return { type: 'delivered', detail: destination, reports: 'by-nobody' }
  }
  if (end === 'withdrawn') {
    return refused('bridge/withdrawn', `no longer waiting for ${destination}`, true)
  }
  return refused('bridge/lifetime-ended', `no answer from ${destination} in its lifetime`, false)
}

function refused(code: BridgeFaultCode, message: string, temporary: boolean): Outcome {
  return { type: 'refused', fault: new Fault(code, message, { temporary }) }
}
