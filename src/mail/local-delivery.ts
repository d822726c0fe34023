/**
 * One message for one or many mailboxes of this host. It is written once, in `tmp` of the first; the
 * others have a second name for the same file, so all have the same octets: `Return-Path` above them, and
 * `Delivered-To` only where there is one recipient, who alone it could be about.
 *
 * What becomes of each copy is decided when the message is complete. `commit` lets it appear at once;
 * the queue does so in two steps, because a crash may come between the mailbox and its own record:
 * `prepare`, and once that is recorded `LocalTarget.place`.
 */

import { assert } from '../base/assert.ts'
import { fromUtf8 } from '../base/bytes.ts'
import { asFault, type Fault, type Result } from '../base/fault.ts'
import type { Disk } from '../ports/disk.ts'
import type { StoreChange } from '../ports/store.ts'
import { HeaderReader } from '../proto/message/header.ts'
import { formatDeliveredTo, formatReturnPath, wasDeliveredTo } from '../proto/message/trace.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import type { Account } from './accounts.ts'
import type { Delivery, MailStart, Outcome } from './delivery.ts'
import type { DeliveryFilter, Disposition, Filing } from './delivery-filter.ts'
import { mailFault } from './fault.ts'
import { type Maildir, placeIn } from './maildir.ts'
import type { MaildirDraft, Placement } from './maildir-draft.ts'
import type { MaildirUsage } from './maildir-usage.ts'
import type { Quotas } from './quotas.ts'

export interface LocalSurroundings {
  readonly disk: Disk
  /** Default: everything is kept, in INBOX or where its address says. */
  readonly filter?: DeliveryFilter
  /**
   * Accepts the message for others, with `alongside` in the same commit. Rejects with a Fault. Where
   * there is none, nothing is redirected.
   */
  readonly redirect?: (
    mail: MailStart,
    to: readonly Mailbox[],
    message: AsyncIterable<Uint8Array>,
    alongside: readonly StoreChange[],
  ) => Promise<void>
  /** How much users may keep. Default: as much as they like. */
  readonly quotas?: Quotas
  /** Whoever has the mailbox open hears of it. */
  readonly told: (account: Account) => void
}

/** Whose mailbox it is, and which one is meant where a filter says nothing. */
export interface Destination {
  readonly account: Account
  readonly maildir: Maildir
  readonly mailbox: string
}

/** What is written for one recipient and waits to be placed. */
export interface Prepared {
  /** None where it is not kept. */
  readonly placements: readonly Placement[]
  /** To be called before they are placed, in the place of the commit that records them. */
  readonly redirect: ((alongside: readonly StoreChange[]) => Promise<void>) | undefined
  /** For the log, where nothing is placed. */
  readonly detail: string
}

interface Copy extends Destination {
  readonly recipient: Mailbox
}

/** Read at once, of a message that is redirected. */
const READ_BYTES = 65_536

export class LocalDelivery implements Delivery {
  readonly #mail: MailStart
  readonly #destination: (recipient: Mailbox) => Promise<Destination>
  readonly #surroundings: LocalSurroundings
  readonly #copies: Copy[] = []
  readonly #header = new HeaderReader()
  #draft: MaildirDraft | undefined
  /** Of the first copy's Maildir. */
  #source: Placement | undefined
  #staged: Result<Prepared>[] = []
  #traceBytes = 0
  #sizeBytes = 0
  #fault: Fault | undefined

  constructor(
    mail: MailStart,
    destination: (recipient: Mailbox) => Promise<Destination>,
    surroundings: LocalSurroundings,
  ) {
    this.#mail = mail
    this.#destination = destination
    this.#surroundings = surroundings
  }

  async addRecipient(recipient: Mailbox): Promise<void> {
    const destination = await this.#destination(recipient)
    await destination.maildir.open()
    this.#copies.push({ recipient, ...destination })
  }

  /** What cannot be written is told by the outcomes. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#fault !== undefined) return
    try {
      const draft = this.#draft ?? (await this.#begin())
      this.#sizeBytes += bytes.length
      if (this.#surroundings.filter !== undefined) this.#header.push(bytes)
      await draft.write(bytes)
    } catch (error) {
      this.#fault = asFault(error)
    }
  }

  /** Every copy is durable where no reader sees it; one result each, as `commit`. Then `finish`. */
  async prepare(): Promise<readonly Result<Prepared>[]> {
    const staged = await this.#stage()
    const flushes = new Map<Maildir, Promise<void>>()
    const flushed = (maildir: Maildir): Promise<void> => {
      const flush = flushes.get(maildir) ?? maildir.flushWaiting()
      flushes.set(maildir, flush)
      return flush
    }
    return Promise.all(
      staged.map(async (result, i): Promise<Result<Prepared>> => {
        if (!result.ok || result.value.placements.length === 0) return result
        try {
          await flushed(this.#copy(i).maildir)
          return result
        } catch (error) {
          return { ok: false, fault: asFault(error) }
        }
      }),
    )
  }

  /** Gives up what was prepared for those that it does not name, by their place among the recipients. */
  async finish(isTaken: (index: number) => boolean): Promise<void> {
    const staged = this.#staged
    const source = this.#source
    this.#source = undefined
    this.#staged = []
    if (source === undefined) return
    let isSourceTaken = false
    for (const [i, result] of staged.entries()) {
      if (!result.ok) continue
      const { placements } = result.value
      if (!isTaken(i)) this.#giveBack(this.#copy(i), placements.length)
      for (const placement of placements) {
        if (isTaken(i)) isSourceTaken ||= placement.name === source.name
        else if (placement.name !== source.name) await this.#copy(i).maildir.discard(placement)
      }
    }
    if (!isSourceTaken) await this.#copy(0).maildir.discard(source)
  }

  async commit(): Promise<readonly Outcome[]> {
    const staged: Result<Prepared>[] = []
    for (const result of await this.#stage()) staged.push(await redirected(result))
    await this.finish((index) => staged[index]?.ok === true)
    return Promise.all(staged.map((result, i) => this.#deliver(result, this.#copy(i))))
  }

  async abort(): Promise<void> {
    const draft = this.#draft
    this.#draft = undefined
    this.#fault ??= mailFault('mail/stopped', 'it was given up', { temporary: true })
    // What cannot be removed now, the mailbox clears away when it has grown old.
    await draft?.abort().catch(asFault)
  }

  async #begin(): Promise<MaildirDraft> {
    const first = this.#copy(0)
    const draft = await first.maildir.create()
    this.#draft = draft
    const { reversePath } = this.#mail.from
    let trace = formatReturnPath(reversePath === undefined ? '' : formatMailbox(reversePath))
    if (this.#copies.length === 1) trace += formatDeliveredTo(formatMailbox(first.recipient))
    const bytes = fromUtf8(trace)
    this.#traceBytes = bytes.length
    await draft.write(bytes)
    return draft
  }

  /** Each copy is under its name in `tmp`, its content durable. */
  async #stage(): Promise<readonly Result<Prepared>[]> {
    if (this.#copies.length === 0) return []
    try {
      if (this.#fault !== undefined) throw this.#fault
      const draft = this.#draft ?? (await this.#begin())
      this.#source = await draft.finish()
      this.#draft = undefined
    } catch (error) {
      const fault = asFault(error)
      await this.abort()
      return this.#copies.map(() => ({ ok: false, fault }))
    }
    this.#header.end()
    for (const [i, copy] of this.#copies.entries()) {
      try {
        this.#staged.push({ ok: true, value: await this.#stageCopy(copy, this.#source, i === 0) })
      } catch (error) {
        this.#staged.push({ ok: false, fault: asFault(error) })
      }
    }
    return this.#staged
  }

  async #stageCopy(copy: Copy, source: Placement, isFirst: boolean): Promise<Prepared> {
    const disposition = await this.#dispositionOf(copy)
    switch (disposition.type) {
      case 'reject':
        throw mailFault('mail/rejected', disposition.reason, {
          temporary: false,
          detail: { status: '5.7.1' },
        })
      case 'discard':
        return { placements: [], redirect: undefined, detail: 'discarded by the filter' }
      case 'file': {
        const placements = await this.#file(copy, disposition.into, source, isFirst)
        return { placements, redirect: undefined, detail: '' }
      }
      case 'redirect': {
        const kept = disposition.keep
          ? await this.#file(copy, [{ mailbox: copy.mailbox, flags: [] }], source, isFirst)
          : []
        return {
          placements: kept,
          redirect: (alongside) => this.#redirect(copy, disposition.to, alongside),
          detail: `redirected to ${disposition.to.map(formatMailbox).join(', ')}`,
        }
      }
    }
  }

  /** The message itself where it is the first copy's, then further names for it. */
  async #file(
    copy: Copy,
    into: readonly Filing[],
    source: Placement,
    isFirst: boolean,
  ): Promise<readonly Placement[]> {
    const { maildir, account } = copy
    const { maildir: home } = this.#copy(0)
    await this.#surroundings.quotas?.take(account.name, this.#usageOf(into.length))
    const placements: Placement[] = []
    try {
      for (const { mailbox, flags } of into) {
        const isThere = mailbox === 'INBOX' || (await maildir.has(mailbox))
        const isSource = isFirst && placements.length === 0
        const placement = isSource ? source : await maildir.adopt(home.waitingPath(source))
        placements.push(placeIn(placement, isThere ? mailbox : 'INBOX', flags))
      }
      return placements
    } catch (error) {
      this.#giveBack(copy, into.length)
      await discardAll(
        maildir,
        placements.filter(({ name }) => name !== source.name),
      )
      throw error
    }
  }

  #giveBack({ account }: Copy, copies: number): void {
    this.#surroundings.quotas?.giveBack(account.name, this.#usageOf(copies))
  }

  #usageOf(copies: number): MaildirUsage {
    const bytes = this.#traceBytes + this.#sizeBytes
    return { usedBytes: copies * bytes, usedMessages: copies }
  }

  async #dispositionOf({ recipient, account, mailbox }: Copy): Promise<Disposition> {
    const { filter, redirect } = this.#surroundings
    const kept: Disposition = { type: 'file', into: [{ mailbox, flags: [] }] }
    if (filter === undefined) return kept
    const header = this.#header.fields
    const mail = { from: this.#mail.from.reversePath, recipient, account: account.name, header }
    const said = await filter({ ...mail, sizeBytes: this.#sizeBytes })
    if (said.type === 'file' && said.into.length === 0) return { type: 'discard' }
    if (said.type !== 'redirect') return said
    // What was redirected from here before would go round in circles.
    const wasHere = wasDeliveredTo(header, formatMailbox(recipient))
    return redirect === undefined || wasHere || said.to.length === 0 ? kept : said
  }

  async #redirect(
    { recipient }: Copy,
    to: readonly Mailbox[],
    alongside: readonly StoreChange[],
  ): Promise<void> {
    const { reversePath, parameters } = this.#mail.from
    const { body, smtpUtf8, requireTls } = parameters
    const from = {
      reversePath,
      parameters: {
        ...(body && { body }),
        ...(smtpUtf8 && { smtpUtf8 }),
        ...(requireTls && { requireTls }),
      },
    }
    const message = this.#message(formatDeliveredTo(formatMailbox(recipient)))
    await this.#surroundings.redirect?.({ ...this.#mail, from }, to, message, alongside)
  }

  /** As it came, below a field that says where it was: `Return-Path` is of a final delivery alone. */
  async *#message(trace: string): AsyncGenerator<Uint8Array> {
    const { maildir } = this.#copy(0)
    const source = this.#source
    if (source === undefined) return
    yield fromUtf8(trace)
    const file = await this.#surroundings.disk.open(maildir.waitingPath(source))
    try {
      for (let at = this.#traceBytes; at < file.sizeBytes; at += READ_BYTES) {
        yield await file.read(at, READ_BYTES)
      }
    } finally {
      await file.close()
    }
  }

  #copy(index: number): Copy {
    const copy = this.#copies[index]
    assert(copy !== undefined, `there is a recipient ${index}`)
    return copy
  }

  /** All of its places or none. */
  async #deliver(result: Result<Prepared>, copy: Copy): Promise<Outcome> {
    if (!result.ok) return { type: 'refused', fault: result.fault }
    const { maildir, account } = copy
    const { placements, detail } = result.value
    const paths: string[] = []
    for (const [i, placement] of placements.entries()) {
      try {
        paths.push(await maildir.deliver(placement))
      } catch (error) {
        this.#giveBack(copy, placements.length)
        await maildir.takeBack(paths)
        await discardAll(maildir, placements.slice(i))
        return { type: 'refused', fault: asFault(error) }
      }
    }
    if (paths.length > 0) this.#surroundings.told(account)
    return { type: 'delivered', detail: [...paths, ...(detail === '' ? [] : [detail])].join(', ') }
  }
}

async function redirected(result: Result<Prepared>): Promise<Result<Prepared>> {
  try {
    if (result.ok) await result.value.redirect?.([])
    return result
  } catch (error) {
    return { ok: false, fault: asFault(error) }
  }
}

async function discardAll(maildir: Maildir, placements: readonly Placement[]): Promise<void> {
  for (const placement of placements) await maildir.discard(placement)
}
