// Sends numbered bundles so that each is known to have arrived, over any layer and across kills. The
// node holds a bundle under its number until it is confirmed; what is confirmed is on record before
// the hold is dropped; and what the node holds when it starts again has been sent already. So an
// application that is killed anywhere neither forgets a number nor sends one as two bundles.

import { aduId } from '../../dist/proto/bpv7/bundle.js'
import { formatEndpointId } from '../../dist/proto/bpv7/endpoint-id.js'
import { decodeAdministrativeRecord } from '../../dist/proto/bpv7/status-report.js'

const TABLE = 'sent'
/** Without a word for so long a bundle is sent once more. */
const PATIENCE_MS = 3000
/** Bundles that are sent and not confirmed. */
const WINDOW = 256

export class ConfirmedSending {
  /** @param options { node, store, clock, count, isAcknowledged, request(number), onConfirmed(count) } */
  constructor(options) {
    this.options = options
    this.confirmed = new Set([...options.store.keys(TABLE, {})].map((key) => Number(key)))
    /** By the number of what is under way: its bundle ID, and when it was last given to the layer. */
    this.underWay = new Map()
    /** By bundle ID, its number. */
    this.numbers = new Map()
    this.wake = () => {}
    const { node, isAcknowledged } = options
    node.onForwarded = (hold) => {
      const entry = this.underWay.get(Number(hold))
      if (isAcknowledged) void this.confirm(Number(hold))
      else if (entry !== undefined) entry.sentAt = options.clock.now()
    }
  }

  /** What the receiver's node tells of a bundle, as it is delivered to the source. */
  async hear({ administrative, payload }) {
    const record = administrative ? decodeAdministrativeRecord(payload) : undefined
    if (!record?.ok || record.value.type !== 'status-report') return
    const { report } = record.value
    const { time, sequence } = report.creationTimestamp
    const number = this.numbers.get(`${formatEndpointId(report.source)}/${time}-${sequence}`)
    if (report.delivered.asserted && number !== undefined) await this.confirm(number)
  }

  /** Resolves when every number is confirmed. The node must be running. */
  async run() {
    this.recover()
    const again = setInterval(() => this.sendAgain(), PATIENCE_MS / 4)
    const { count, node, request } = this.options
    for (let number = 0; number < count; number++) {
      if (this.confirmed.has(number) || this.underWay.has(number)) continue
      while (this.underWay.size >= WINDOW) await this.change()
      this.underWay.set(number, { sentAt: undefined })
      void this.send(number, node.send({ ...request(number), hold: `${number}` }))
    }
    while (this.confirmed.size < count) await this.change()
    clearInterval(again)
  }

  async send(number, sending) {
    this.numbers.set(await sending, number)
  }

  /** What an earlier run has left with the node. */
  recover() {
    for (let after; ; ) {
      const stored = this.options.node.stored(after, 1000)
      if (stored.length === 0) return
      for (const { record, bundle } of stored) {
        if (record.hold === undefined) continue
        const number = Number(record.hold)
        this.numbers.set(aduId(bundle), number)
        if (this.confirmed.has(number)) void this.options.node.release(record.hold)
        // It may have left before anybody listened.
        else this.underWay.set(number, { sentAt: this.options.clock.now() })
      }
      after = stored.at(-1).record.key
    }
  }

  sendAgain() {
    const { node, clock } = this.options
    for (const [number, entry] of this.underWay) {
      if (entry.sentAt === undefined || entry.sentAt + PATIENCE_MS > clock.now()) continue
      entry.sentAt = undefined
      node.resend(`${number}`)
    }
  }

  async confirm(number) {
    const { store, node, onConfirmed } = this.options
    if (this.confirmed.has(number)) return
    this.confirmed.add(number)
    await store.commit([{ table: TABLE, key: `${number}`, value: Uint8Array.of(1) }])
    await node.release(`${number}`)
    this.underWay.delete(number)
    onConfirmed(this.confirmed.size)
    this.wake()
  }

  change() {
    return new Promise((resolve) => {
      this.wake = resolve
    })
  }
}
