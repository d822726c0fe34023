/** What a node has done since it was started, counted from what it tells of itself. */

import type { EventSink, HostEvent } from '../ports/events.ts'
import { STATISTICS, type Statistic, type Tally } from './control/status.ts'

export class Statistics {
  readonly #tallies = new Map<Statistic, { bundles: number; bytes: number }>(
    STATISTICS.map((name) => [name, { bundles: 0, bytes: 0 }]),
  )

  /** A sink that counts and hands on. */
  counting(events: EventSink): EventSink {
    return (event) => {
      this.#count(event)
      events(event)
    }
  }

  tallies(): Readonly<Record<Statistic, Tally>> {
    return Object.fromEntries(this.#tallies) as Record<Statistic, Tally>
  }

  #count(event: HostEvent): void {
    switch (event.type) {
      case 'bundle-created':
        this.#add('src', event.payloadBytes)
        return
      case 'bundle-sent':
        this.#add('fwd', event.wireBytes)
        this.#add('xmt', event.wireBytes)
        return
      case 'bundle-received':
        this.#add('rcv', event.wireBytes)
        return
      case 'bundle-delivered':
        this.#add('dlv', event.payloadBytes)
        return
      case 'transaction-resent':
        this.#add('rfw', 0)
        return
      case 'bundle-deleted':
        if (event.reason === 'lifetime expired') this.#add('exp', 0)
        return
      default:
        return
    }
  }

  #add(name: Statistic, bytes: number): void {
    const tally = this.#tallies.get(name)
    if (tally === undefined) return
    tally.bundles++
    tally.bytes += bytes
  }
}
