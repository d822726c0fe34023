/** The promises that the system makes to those who use it, and whether it keeps them. */

import type { MonoMs } from '../../base/time.ts'
import type { HostEvent } from '../../ports/events.ts'
import type { InboxSight } from './imap-visit.ts'
import { readMail, type SightedMail } from './sighted-mail.ts'
import { hostName } from './stage.ts'
import { LONG_PATIENCE_MS, type Trial, type TrialMail, type TrialRecipient } from './trial.ts'

export type Rule =
  /** What was acknowledged is neither in its mailbox nor reported. */
  | 'lost'
  /** A mail or a report came a second time, or came back. */
  | 'twice'
  /** A bundle was sent or delivered after its lifetime. */
  | 'lifetime'
  /** A store holds more than it may. */
  | 'bound'
  /** A UID, or a unique id of POP3, means another message than before, or did not grow. */
  | 'uid'
  /** Something waits although everything is well again. */
  | 'drain'
  /** The same seed gave another history. */
  | 'determinism'
  /** A program ended by a mistake of its own, or would not start. */
  | 'ended'

export interface Violation {
  readonly rule: Rule
  readonly text: string
  readonly at: MonoMs
}

/** What is remembered of the mailbox of one host. */
interface Box {
  /** By identity: what was seen of it. */
  readonly seen: Map<string, SightedMail>
  /** A mail program asked to remove it. */
  readonly unwanted: Set<string>
  /** And heard that it was done. */
  readonly removed: Set<string>
  /** By UIDVALIDITY and UID. */
  readonly byUid: Map<string, string>
  /** By unique id of POP3. */
  readonly byUniqueId: Map<string, string>
  uidValidity: number
  uidNext: number
}

export class Ledger {
  readonly #trial: Trial
  readonly #now: () => MonoMs
  /** How wrong clocks may be about the end of a lifetime. */
  readonly #clockErrorMs: number
  readonly #boxes: ReadonlyMap<number, Box>
  /** Indexes of the recipients for whom it was acknowledged, by mail; absent where nobody answered. */
  readonly #answers = new Map<string, ReadonlySet<number>>()
  /** Until when each bundle may live, by its name. */
  readonly #lifetimes = new Map<string, number>()
  #violation: Violation | undefined

  constructor(trial: Trial, now: () => MonoMs) {
    this.#trial = trial
    this.#now = now
    this.#clockErrorMs = trial.faults.reduce(
      (sum, fault) => sum + (fault.type === 'clock' ? Math.abs(fault.aheadMs) : 0),
      LIFETIME_SLACK_MS,
    )
    this.#boxes = new Map(trial.hosts.map(({ number }) => [number, newBox()]))
  }

  /** The first that was found: what comes after it may follow from it. */
  get violation(): Violation | undefined {
    return this.#violation
  }

  violated(rule: Rule, text: string): void {
    this.#violation ??= { rule, text, at: this.#now() }
  }

  /** Nobody's answer is `undefined`: the mail may or may not arrive. */
  answered(mail: TrialMail, codes: readonly number[] | undefined): void {
    if (codes === undefined) return
    const taken = codes.flatMap((code, i) => (code >= 200 && code < 300 ? [i] : []))
    this.#answers.set(mail.name, new Set(taken))
  }

  /** Something that a host tells. */
  told(host: number, event: HostEvent): void {
    switch (event.type) {
      case 'bundle-created':
        this.#lifetimes.set(event.bundle, this.#now() + event.lifetimeMs)
        break
      case 'bundle-sent':
      case 'bundle-delivered': {
        const until = this.#lifetimes.get(event.bundle)
        if (until !== undefined && this.#now() > until + this.#clockErrorMs) {
          const lateMs = Math.round(this.#now() - until)
          this.violated(
            'lifetime',
            `${hostName(host)}: ${event.type} ${event.bundle}, ${lateMs} ms late`,
          )
        }
      }
    }
  }

  stored(host: number, usedBytes: number): void {
    const { storeBytesMax = 0 } = this.#trial.hosts.find(({ number }) => number === host) ?? {}
    if (usedBytes <= storeBytesMax) return
    this.violated('bound', `${hostName(host)}: ${usedBytes} bytes in a store of ${storeBytesMax}`)
  }

  /** A mail program has read an INBOX by IMAP. */
  sawByImap(host: number, { uidValidity, uidNext, messages }: InboxSight): void {
    const box = this.#box(host)
    const mails = messages.map(({ uid, text }) => ({ uid, mail: readMail(text) }))
    if (uidValidity < box.uidValidity) {
      this.violated('uid', `${hostName(host)}: UIDVALIDITY ${uidValidity} after ${box.uidValidity}`)
    }
    const floor = uidValidity === box.uidValidity ? box.uidNext : 0
    const known = new Set(box.byUid.values())
    for (const { uid, mail } of mails) {
      const place = `${uidValidity} ${uid}`
      const before = box.byUid.get(place)
      if (before !== undefined && before !== mail.identity) {
        this.violated('uid', `${hostName(host)}: UID ${uid} was ${before} and is ${mail.identity}`)
      }
      if (uid < floor && before === undefined && !known.has(mail.identity)) {
        this.violated('uid', `${hostName(host)}: new mail has UID ${uid}, UIDNEXT was ${floor}`)
      }
      box.byUid.set(place, mail.identity)
    }
    if (uidValidity === box.uidValidity && uidNext < box.uidNext) {
      this.violated('uid', `${hostName(host)}: UIDNEXT ${uidNext} after ${box.uidNext}`)
    }
    Object.assign(box, { uidValidity, uidNext })
    this.sawMails(
      host,
      mails.map(({ mail }) => mail),
    )
  }

  /** One has read a maildrop by POP3. */
  sawByPop3(
    host: number,
    messages: readonly { readonly uniqueId: string; readonly text: string }[],
  ): void {
    const box = this.#box(host)
    const mails = messages.map(({ text }) => readMail(text))
    for (const [i, { uniqueId }] of messages.entries()) {
      const { identity = '' } = mails[i] ?? {}
      const before = box.byUniqueId.get(uniqueId)
      if (before !== undefined && before !== identity) {
        this.violated('uid', `${hostName(host)}: ${uniqueId} was ${before} and is ${identity}`)
      }
      box.byUniqueId.set(uniqueId, identity)
    }
    this.sawMails(host, mails)
  }

  /** All that is in a mailbox now. */
  sawMails(host: number, mails: readonly SightedMail[]): void {
    const { seen, removed, unwanted } = this.#box(host)
    const now = new Set<string>()
    const about = new Set<string>()
    for (const mail of mails) {
      const { identity } = mail
      if (now.has(identity)) this.violated('twice', `${hostName(host)} has ${identity} twice`)
      if (removed.has(identity)) this.violated('twice', `${hostName(host)}: ${identity} came back`)
      now.add(identity)
      for (const each of mail.about) {
        if (about.has(each)) this.violated('twice', `${hostName(host)} has two of ${each}`)
        about.add(each)
      }
      seen.set(identity, mail)
    }
    for (const [identity, mail] of seen) {
      if (now.has(identity)) continue
      if (!unwanted.has(identity)) {
        this.violated('lost', `${hostName(host)}: ${identity} is not there any more`)
      }
      const again = mail.about.find((each) => about.has(each))
      if (again !== undefined) this.violated('twice', `${hostName(host)} has another of ${again}`)
    }
  }

  /** It will be removed, unless something comes in between. */
  removes(host: number, identities: readonly string[]): void {
    for (const each of identities) this.#box(host).unwanted.add(each)
  }

  /** What the mail program asked to remove is removed. */
  removed(host: number, identities: readonly string[]): void {
    for (const each of identities) this.#box(host).removed.add(each)
  }

  /** Nothing more is on its way, and `sawMails` has told of every mailbox. */
  settled(): void {
    for (const mail of this.#trial.mails) {
      const taken = this.#answers.get(mail.name)
      for (const [i, recipient] of mail.to.entries()) {
        if (taken?.has(i)) this.#checkTaken(mail, recipient)
      }
    }
  }

  #checkTaken(mail: TrialMail, { host, user, notify }: TrialRecipient): void {
    const address = `${user}@${hostName(host)}`
    const isThere = this.#hasSeen(host, mail.name)
    const isFailed = this.#hasSeen(mail.from, `failed ${mail.name} ${address}`)
    const isWanted = notify === undefined || notify.includes('failure')
    if (user === 'nobody') {
      if (isThere) this.violated('twice', `${mail.name} for nobody is in a mailbox`)
      if (!isFailed && isWanted) this.violated('lost', `no report that ${mail.name} has failed`)
      return
    }
    const isHasty = this.#trial.hosts.some(({ patienceMs }) => patienceMs < LONG_PATIENCE_MS)
    if (!isThere && !isFailed && !(isHasty && !isWanted)) {
      this.violated('lost', `${mail.name} for ${address} was acknowledged`)
    }
    if (isFailed && !isHasty) {
      this.violated('lost', `${mail.name} for ${address} was given up`)
    }
    if (
      isThere &&
      notify?.includes('success') &&
      !this.#hasSeen(mail.from, `delivered ${mail.name} ${address}`)
    ) {
      this.violated('lost', `no report that ${mail.name} is delivered`)
    }
  }

  #hasSeen(host: number, what: string): boolean {
    return [...this.#box(host).seen.values()].some(({ about }) => about.includes(what))
  }

  #box(host: number): Box {
    const box = this.#boxes.get(host)
    if (box === undefined) throw new RangeError(`no host ${host}`)
    return box
  }
}

/** What one step at the instant itself may take. */
const LIFETIME_SLACK_MS = 1000

function newBox(): Box {
  return {
    seen: new Map(),
    unwanted: new Set(),
    removed: new Set(),
    byUid: new Map(),
    byUniqueId: new Map(),
    uidValidity: 0,
    uidNext: 0,
  }
}
