/**
 * Attachments that wait here until they are asked for, durable and bounded. Which parts of a mail were
 * held back is on record before it leaves, so that it is the same mail whenever it goes again; what is
 * handed out is on record with the mail that has it, in one commit.
 *
 * What is over is only noted as over; it leaves the disk when room is asked for, and at the next start.
 */

import { concat, fromUtf8, NO_BYTES, toHex, toUtf8 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { formatSize } from '../base/quantity.ts'
import { addMs, type WallMs } from '../base/time.ts'
import { CHUNK_BYTES_MAX } from '../mail/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Entropy } from '../ports/entropy.ts'
import { type Store, type StoreChange, withPrefix } from '../ports/store.ts'
import type { Mailbox, MailFrom, RecipientParameters } from '../proto/smtp/envelope.ts'
import { tooLarge } from './budgets.ts'
import type { BridgeFaultCode } from './fault.ts'
import { contentFields, type HeldFields } from './held-notice.ts'
import { HELD_REMOVALS_PER_COMMIT_MAX, HELD_TOKEN_BYTES } from './limits.ts'

/**
 * - `p/QUEUE-ID NEXT-HOP`: what was held back of a mail on its way
 * - `r/TOKEN`: an attachment, which is there when this is; `b/TOKEN/00000000`, …: its octets
 * - `x/INSTANT TOKEN`: when it is over
 * - `f/TOKEN/INDEX`: this recipient has been given it; `a/QUEUE-ID TOKEN`: in answer to this mail
 * - `s/QUEUE-ID`: a mail that hands one out, of which nothing is held back again
 */
const TABLE = 'bridge-held'

export interface HeldPlan {
  readonly parts: readonly HeldPart[]
  /** The fields that stand above the message. */
  readonly head: string
  /** Who may ask for them: `local-part@domain`. */
  readonly names: readonly string[]
  readonly expiresAt: WallMs
  /** The far side has taken the mail for somebody. */
  readonly hasCrossed?: true
}

export interface HeldPart {
  readonly token: string
  /** Of the octets of the message: its header, its body, and what is behind it. */
  readonly start: number
  readonly bodyStart: number
  readonly end: number
  /** What crosses in their place; one character per octet. */
  readonly notice: string
}

export interface HeldAttachment {
  readonly token: string
  readonly from: MailFrom
  readonly recipients: readonly (Mailbox & { readonly parameters: RecipientParameters })[]
  readonly fields: HeldFields
  /** The header fields of its content, each with its CRLF. */
  readonly content: string
  /** Of its body. */
  readonly bytes: number
  readonly expiresAt: WallMs
}

export interface HeldMail extends Pick<HeldAttachment, 'from' | 'recipients' | 'fields'> {
  readonly queueId: string
  readonly route: string
  readonly plan: HeldPlan
  /** The octets of the message from `start` to `end`, in pieces. */
  readonly read: (start: number, end: number) => Iterable<Uint8Array>
}

export interface HeldPorts {
  readonly store: Store
  readonly clock: Clock
  readonly entropy: Entropy
}

export class HeldAttachments {
  readonly #ports: HeldPorts
  readonly #bytesMax: number
  #bytes = 0
  /** Whether there is anything on the disk that mails may be asked for. */
  #isUsed = false
  #sweeping: Promise<void> | undefined
  /** Handed out in commits that have not ended. */
  readonly #handingOut = new Set<string>()

  constructor(ports: HeldPorts, bytesMax: number) {
    this.#ports = ports
    this.#bytesMax = bytesMax
    for (const { value } of ports.store.range(TABLE, withPrefix('r/'))) {
      this.#bytes += (JSON.parse(toUtf8(value)) as HeldAttachment).bytes
    }
    const [first] = ports.store.keys(TABLE, {})
    this.#isUsed = first !== undefined
  }

  /** Clears away what is over, and what a crash left half written. Rejects with the store's Fault. */
  async open(): Promise<void> {
    if (!this.#isUsed) return
    await this.#sweep()
    const { store } = this.#ports
    const leftovers: string[] = []
    for (const key of store.keys(TABLE, withPrefix('b/'))) {
      if (store.get(TABLE, `r/${tokenIn(key)}`) === undefined) leftovers.push(key)
    }
    await this.#remove(leftovers)
  }

  get isUsed(): boolean {
    return this.#isUsed
  }

  /** Of those that are not over, and of what is being written. */
  get bytes(): number {
    return this.#bytes
  }

  newToken(): string {
    return toHex(this.#ports.entropy.bytes(HELD_TOKEN_BYTES))
  }

  /** What was held back of a mail on its way. */
  planOf(queueId: string, route: string): HeldPlan | undefined {
    const value = this.#isUsed ? this.#ports.store.get(TABLE, `p/${queueId} ${route}`) : undefined
    return value === undefined ? undefined : (JSON.parse(toUtf8(value)) as HeldPlan)
  }

  /** Whether it hands out what was held back before. */
  isHandedOut(queueId: string): boolean {
    return this.#isUsed && this.#ports.store.get(TABLE, `s/${queueId}`) !== undefined
  }

  /**
   * Resolves once all of it is durable. Rejects with `bridge/held-full`, temporary, where there is no
   * room now, with `bridge/too-large` where there never is, and with the store's Fault.
   */
  async keep(mail: HeldMail): Promise<void> {
    const { store } = this.#ports
    const { parts } = mail.plan
    await this.#sweep()
    const bytes = parts.reduce((sum, { bodyStart, end }) => sum + end - bodyStart, 0)
    this.#requireRoom(bytes)
    this.#bytes += bytes
    this.#isUsed = true
    try {
      for (const { token, bodyStart, end } of parts) {
        await this.#write(token, mail.read(bodyStart, end))
      }
      const { queueId, route, plan } = mail
      await store.commit([
        ...parts.flatMap((part) => recordOf(part, mail)),
        { table: TABLE, key: `p/${queueId} ${route}`, value: encode(plan) },
      ])
    } catch (error) {
      await this.#clear(parts)
      this.#bytes -= bytes
      throw error
    }
  }

  /** Of what was written in vain: the next attempt has other tokens. Where that fails, the next start does it. */
  async #clear(parts: readonly HeldPart[]): Promise<void> {
    const { store } = this.#ports
    const written = parts.flatMap(({ token }) => [...store.keys(TABLE, withPrefix(`b/${token}/`))])
    await this.#remove(written).catch(() => {})
  }

  /** The attachment of this token, as long as it may be asked for. */
  find(token: string): HeldAttachment | undefined {
    const value = this.#ports.store.get(TABLE, `r/${token}`)
    if (value === undefined) return undefined
    const found = JSON.parse(toUtf8(value)) as HeldAttachment
    return found.expiresAt > this.#ports.clock.wall() ? found : undefined
  }

  /** The octets of one that was found, each piece read when it is asked for. Throws a temporary Fault. */
  *read({ token, bytes }: HeldAttachment): Iterable<Uint8Array> {
    let left = bytes
    for (let index = 0; left > 0; index++) {
      const value = this.#ports.store.get(TABLE, chunkKey(token, index))
      // It has just been over.
      if (value === undefined) throw notNow('it is no longer here')
      left -= value.length
      yield value
    }
  }

  /** Whether a recipient has been given it. */
  wasHandedOut(token: string, recipient: number): boolean {
    return this.#ports.store.get(TABLE, `f/${token}/${recipient}`) !== undefined
  }

  /** Whether a mail that asks for it has been answered, also when it is there no more. */
  wasAnswered(askedBy: string, token: string): boolean {
    return this.#ports.store.get(TABLE, `a/${askedBy} ${token}`) !== undefined
  }

  /**
   * Has `work` accept the mail `queueId` that hands it out, with changes for its commit. Rejects with
   * its Fault, and with a temporary one while another mail is being made for this recipient.
   */
  async handOut(
    { token, recipients, expiresAt }: HeldAttachment,
    {
      recipient,
      queueId,
      askedBy,
    }: { readonly [K in 'queueId' | 'askedBy']: string } & {
      readonly recipient: number
    },
    work: (changes: readonly StoreChange[]) => Promise<void>,
  ): Promise<void> {
    const key = `f/${token}/${recipient}`
    if (this.#handingOut.has(key)) {
      throw notNow('it is being handed out')
    }
    this.#handingOut.add(key)
    try {
      await work([
        { table: TABLE, key, value: NO_BYTES },
        { table: TABLE, key: `a/${askedBy} ${token}`, value: NO_BYTES },
        { table: TABLE, key: `s/${queueId}`, value: NO_BYTES },
      ])
    } finally {
      this.#handingOut.delete(key)
    }
    // Only now: two may have been the last together, and one of them have failed.
    if (!recipients.every((_, i) => this.wasHandedOut(token, i))) return
    const changes = [over(token), removalOf(expiryKey(expiresAt, token))]
    // Else it is over in its time.
    await this.#ports.store.commit(changes).catch(() => {})
  }

  /** Resolves once it is durable that its attachments outlive the mail, until they are over. */
  async crossed(queueId: string, route: string): Promise<void> {
    const plan = this.planOf(queueId, route)
    if (plan === undefined || plan.hasCrossed) return
    const value = encode({ ...plan, hasCrossed: true })
    await this.#ports.store.commit([{ table: TABLE, key: `p/${queueId} ${route}`, value }])
  }

  /** The changes that forget a mail, for the commit that removes it from the queue. */
  removal(queueId: string): readonly StoreChange[] {
    if (!this.#isUsed) return []
    const { store } = this.#ports
    const changes: StoreChange[] = []
    if (this.isHandedOut(queueId)) changes.push(removalOf(`s/${queueId}`))
    for (const { key, value } of store.range(TABLE, withPrefix(`p/${queueId} `))) {
      const { parts, hasCrossed } = JSON.parse(toUtf8(value)) as HeldPlan
      changes.push(removalOf(key))
      if (!hasCrossed) changes.push(...parts.map(({ token }) => over(token)))
    }
    changes.push(...[...store.keys(TABLE, withPrefix(`a/${queueId} `))].map(removalOf))
    return changes
  }

  #requireRoom(bytes: number): void {
    const room = formatSize(this.#bytesMax)
    if (bytes > this.#bytesMax) {
      throw tooLarge(`attachments of ${formatSize(bytes)}, and there is room here for ${room}`)
    }
    if (this.#bytes + bytes <= this.#bytesMax) return
    const message = `attachments of ${formatSize(bytes)} wait for room here: ${formatSize(this.#bytes)} of ${room} are taken until they are fetched or over`
    throw new Fault<BridgeFaultCode>('bridge/held-full', message, { temporary: true })
  }

  async #write(token: string, pieces: Iterable<Uint8Array>): Promise<void> {
    let index = 0
    for (const bytes of pieces) {
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
        const value = bytes.slice(at, at + CHUNK_BYTES_MAX)
        await this.#ports.store.commit([{ table: TABLE, key: chunkKey(token, index++), value }])
      }
    }
  }

  #sweep(): Promise<void> {
    this.#sweeping ??= this.#sweepOnce().finally(() => {
      this.#sweeping = undefined
    })
    return this.#sweeping
  }

  async #sweepOnce(): Promise<void> {
    const { store, clock } = this.#ports
    const range = { from: 'x/', to: `x/${instant(addMs(clock.wall(), 1))}` }
    for (const key of [...store.keys(TABLE, range)]) {
      const token = key.slice(key.indexOf(' ') + 1)
      const value = store.get(TABLE, `r/${token}`)
      const held = value && (JSON.parse(toUtf8(value)) as HeldAttachment)
      const keys = [`b/${token}/`, `f/${token}/`].flatMap((prefix) => [
        ...store.keys(TABLE, withPrefix(prefix)),
      ])
      const expiry = held === undefined ? [] : [`r/${token}`, expiryKey(held.expiresAt, token)]
      // The record first: what is found is whole.
      await this.#remove([...expiry, ...keys, key])
      this.#bytes -= held?.bytes ?? 0
    }
  }

  async #remove(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += HELD_REMOVALS_PER_COMMIT_MAX) {
      const some = keys.slice(at, at + HELD_REMOVALS_PER_COMMIT_MAX)
      await this.#ports.store.commit(some.map(removalOf))
    }
  }
}

function recordOf(
  { token, start, bodyStart, end }: HeldPart,
  { from, recipients, fields, plan: { expiresAt }, read }: HeldMail,
): readonly StoreChange[] {
  const record: HeldAttachment = {
    ...{ token, from, recipients, fields, expiresAt, bytes: end - bodyStart },
    content: contentFields(concat(...read(start, bodyStart))),
  }
  return [
    { table: TABLE, key: `r/${token}`, value: encode(record) },
    { table: TABLE, key: expiryKey(expiresAt, token), value: NO_BYTES },
  ]
}

/** From now on. */
function over(token: string): StoreChange {
  return { table: TABLE, key: `x/${instant(0)} ${token}`, value: NO_BYTES }
}

function expiryKey(expiresAt: WallMs, token: string): string {
  return `x/${instant(expiresAt)} ${token}`
}

/** Sorts as the instant does. */
function instant(wall: number): string {
  return String(Math.round(wall)).padStart(16, '0')
}

function chunkKey(token: string, index: number): string {
  return `b/${token}/${String(index).padStart(8, '0')}`
}

function notNow(message: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/not-now', message, { temporary: true })
}

function tokenIn(key: string): string {
  return key.split('/')[1] ?? ''
}

function removalOf(key: string): StoreChange {
  return { table: TABLE, key, value: undefined }
}

function encode(value: object): Uint8Array {
  return fromUtf8(JSON.stringify(value))
}
