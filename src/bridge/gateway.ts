/**
 * Has the mails that come in objects from far gateways taken, by whatever carrier, and says what is to
 * be answered.
 */

import { asFault, type Fault } from '../base/fault.ts'
import type { Packing, PackingFaultCode } from '../ports/packing.ts'
import { type Acknowledgement, decodeAdu, type MailsAdu } from './adu.ts'
import type { BareObjects } from './bare-objects.ts'
import { readBatch } from './batch-reader.ts'
import { isBatch } from './bpmail-message.ts'
import type { ReceivedAdu, Reception } from './carrier.ts'
import { TAKING_MAX } from './limits.ts'
import { type MailTaking, refusalOf } from './mail-taking.ts'
import { unpackObject } from './object-packing.ts'
import type { ObjectTransport } from './object-transport.ts'

export interface GatewayOptions {
  readonly host: string
  readonly messageBytesMax: number
  /** Of an object, unpacked. */
  readonly objectBytesMax: number
}

export interface GatewayPorts {
  readonly taking: MailTaking
  readonly transport: ObjectTransport
  /** Objects of gateways of other makes. */
  readonly bare: BareObjects
  readonly packing: Packing
}

const NOTHING: Reception = { answers: [], later: undefined }

export class Gateway {
  readonly #options: GatewayOptions
  readonly #ports: GatewayPorts

  constructor(options: GatewayOptions, ports: GatewayPorts) {
    this.#options = options
    this.#ports = ports
  }

  /**
   * From one who is whom it says, as far as its carrier asks. What it is answered with is durable.
   * Rejects with a Fault: temporary where it has to come again, permanent where it is useless.
   */
  async receive(received: ReceivedAdu): Promise<Reception> {
    const { from, payload } = received
    if (isBatch(payload)) {
      await this.#ports.bare.take(received)
      return NOTHING
    }
    const decoded = decodeAdu(payload)
    if (!decoded.ok) throw decoded.fault
    const adu = decoded.value
    const { transport, taking } = this.#ports
    if (adu.type === 'mails') return this.#takeAll(received, adu)
    if (adu.type === 'question') {
      return { answers: await taking.recall(from, adu.names), later: undefined }
    }
    transport.acknowledged(from, adu)
    return NOTHING
  }

  /** What is taken is answered for, also where the rest has to come again. */
  async #takeAll({ from, expiresAt }: ReceivedAdu, adu: MailsAdu): Promise<Reception> {
    const answers: Acknowledgement[] = []
    const { host, messageBytesMax } = this.#options
    const { taking } = this.#ports
    let later: Fault | undefined
    let helo = ''
    try {
      const mails = await this.#mailsOf(adu)
      // Their commits share a flush; but not all of a large object are in memory twice at once.
      const left = [...mails.entries()]
      const work = Array.from({ length: Math.min(TAKING_MAX, left.length) }, async () => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const [i, part] = next
          try {
            const read = readBatch(part, host, messageBytesMax)
            const transaction = adu.names[i] ?? ''
            if (!read.ok) {
              answers.push({ transaction, refusals: [refusalOf(read.reply, undefined)] })
              continue
            }
            // It is said once, in the first.
            helo ||= read.mail.helo
            const mail = { ...read.mail, helo }
            const refusals = await taking.take({ from, transaction, expiresAt, mail })
            answers.push({ transaction, refusals })
          } catch (error) {
            later = asFault(error)
          }
        }
      })
      await Promise.all(work)
    } catch (error) {
      const fault = asFault(error)
      if (fault.temporary) throw fault
      // Its names could be read: their senders are to know.
      const refusals = [{ recipient: undefined, ...this.#unreadable(fault, adu) }]
      for (const transaction of adu.names) answers.push({ transaction, refusals })
    }
    return { answers, later }
  }

  /** Of a large object each mail may be small enough, and comes again with fewer. */
  #unreadable({ code, message }: Fault, { names }: MailsAdu): { code: number; text: string } {
    const isTooLarge = code === ('packing/too-large' satisfies PackingFaultCode)
    if (!isTooLarge) return { code: 554, text: `5.6.0 ${message}` }
    if (names.length === 1) return { code: 552, text: `5.3.4 ${message}` }
    return { code: 451, text: `4.3.4 ${message}: to come again with fewer others` }
  }

  /** Throws a permanent Fault where the object is none, or too large. */
  async #mailsOf(adu: MailsAdu): Promise<readonly Uint8Array[]> {
    const { objectBytesMax } = this.#options
    const object = await unpackObject(adu, objectBytesMax, this.#ports.packing)
    const parts: Uint8Array[] = []
    let at = 0
    for (const size of adu.sizes) {
      parts.push(object.subarray(at, at + size))
      at += size
    }
    return [...parts, object.subarray(at)]
  }
}
