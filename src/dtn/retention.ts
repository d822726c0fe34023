/**
 * How long a bundle is kept: until nothing is left to be done with it (its retention constraints, RFC
 * 9171 §5), or it is deleted. What belongs to one ADU to be delivered here goes together.
 */

import type { MonoMs } from '../base/time.ts'
import { describeReason, STATUS_REASONS, type StatusKind } from '../proto/bpv7/status-report.ts'
import type { AgentEffect, Failure } from './agent-events.ts'
import type { Endpoints } from './endpoints.ts'
import { aduName, type Entries, type Entry, isFragment, isFragmentForUs } from './entries.ts'
import type { ReassemblyLedger } from './reassembly-ledger.ts'

export type RetentionConstraint = 'toDeliver' | 'toForward'

export class Retention {
  readonly #entries: Entries
  readonly #ledger: ReassemblyLedger
  readonly #endpoints: Endpoints

  constructor(entries: Entries, ledger: ReassemblyLedger, endpoints: Endpoints) {
    this.#entries = entries
    this.#ledger = ledger
    this.#endpoints = endpoints
  }

  /** RFC 9171 §5.5. What is being written is looked at when it is stored. */
  expire(now: MonoMs, effects: AgentEffect[]): void {
    for (
      let entry = this.#entries.takeExpired(now);
      entry !== undefined;
      entry = this.#entries.takeExpired(now)
    ) {
      if (entry.state !== 'storing') this.delete(entry, expiryReason(entry), effects)
    }
  }

  /** Takes a constraint from each; those that have none left are held or dropped. RFC 9171 §5.11. */
  settle(unit: readonly Entry[], constraint: RetentionConstraint, effects: AgentEffect[]): void {
    const free: Entry[] = []
    for (const entry of unit) {
      entry[constraint] = false
      if (constraint === 'toDeliver') entry.registration?.lane.forget(entry.record.key)
      if (entry.toDeliver || entry.toForward) continue
      if (entry.record.hold === undefined) free.push(entry)
      else {
        entry.state = 'held'
        effects.push({ type: 'forwarded', hold: entry.record.hold })
      }
    }
    if (free.length > 0) this.drop(free, effects)
  }

  /** One way of a bundle has failed for good; another may be left. RFC 9171 §5.4.2 step 2. */
  giveUp(
    entry: Entry,
    constraint: RetentionConstraint,
    failure: Failure & { readonly temporary: false },
    effects: AgentEffect[],
  ): void {
    const unit = constraint === 'toDeliver' ? this.unitOf(entry.record.key) : [entry]
    const isLast = unit.every((e) => !(constraint === 'toDeliver' ? e.toForward : e.toDeliver))
    if (isLast) this.delete(entry, failure.status, effects, failure.reason)
    else this.settle(unit, constraint, effects)
  }

  /** RFC 9171 §5.10: with all that belongs to the same ADU, which could not be delivered any more. */
  delete(
    entry: Entry,
    status: number,
    effects: AgentEffect[],
    reason: string = describeReason(status),
  ): void {
    const unit = [...new Set([...this.unitOf(entry.record.key), entry])]
    const { record } = entry
    const isPart = isFragmentForUs(entry)
    const isRepeat = isPart && this.#ledger.isRepeat(aduName(entry.record))
    if (!isRepeat) for (const each of unit) report(each, 'deleted', status, effects)
    this.drop(unit, effects)
    // The ADU was delivered: that a part of it came again is nothing to tell of.
    if (isRepeat) return
    effects.push({
      type: 'deleted',
      id: isPart ? entry.record.fragment.aduId : record.id,
      reason,
      status,
    })
    const isExpired = status === STATUS_REASONS.lifetimeExpired
    if (record.hold !== undefined && !isExpired) effects.push({ type: 'lost', hold: record.hold })
  }

  /** The ADU with this name, to make room. */
  deleteAdu(name: string, effects: AgentEffect[]): void {
    const entry = this.#entries.get(this.#ledger.keys(name)[0] ?? NO_KEY)
    if (entry !== undefined) this.delete(entry, STATUS_REASONS.trafficPared, effects)
  }

  /** Nothing is told of it: all was done, or nothing was promised. */
  drop(unit: readonly Entry[], effects: AgentEffect[]): void {
    for (const entry of unit) this.forget(entry)
    effects.push({ type: 'remove', keys: unit.map(({ record }) => record.key) })
  }

  /** It is not, or no longer, in the store. */
  forget(entry: Entry): void {
    const { record, registration } = entry
    this.#entries.delete(entry)
    entry.way?.lane.forget(record.key)
    if (registration === undefined) return
    registration.lane.forget(record.key)
    registration.bundleCount--
    this.#endpoints.leave(registration)
    if (isFragment(record)) this.#ledger.drop(aduName(record), record.key)
  }

  /** What is delivered, and goes, together with the bundle `key`. */
  unitOf(key: number): readonly Entry[] {
    const entry = this.#entries.get(key)
    if (entry === undefined) return []
    if (!isFragmentForUs(entry)) return [entry]
    return this.#ledger.keys(aduName(entry.record)).flatMap((k) => this.#entries.get(k) ?? [])
  }
}

/** Of no bundle. */
const NO_KEY = -1

/** RFC 9171 §5.5: by the lifetime of its primary block, or by ours. */
export function expiryReason({ record }: Entry): number {
  return record.pared ? STATUS_REASONS.trafficPared : STATUS_REASONS.lifetimeExpired
}

/** Where its source asked for it. RFC 9171 §5.1. */
export function report(
  { record }: Entry,
  status: StatusKind,
  reason: number,
  effects: AgentEffect[],
): void {
  if (record.reports?.includes(status)) {
    effects.push({ type: 'report', key: record.key, status, reason })
  }
}
