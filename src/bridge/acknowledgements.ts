/** The answers to far gateways, and the questions: those to one that are ready at about the same time go together. */

import { addMs, type WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Acknowledgement } from './adu.ts'

/** Who is answered; `to` tells one from the other. */
interface Named {
  readonly to: string
}

export interface AcknowledgementsOptions<Peer extends Named> {
  readonly clock: Clock
  /** How long one waits for others. */
  readonly waitMs: (peer: Peer) => number
  /** In one bundle. */
  readonly answersMax: number
  readonly send: (
    peer: Peer,
    answers: readonly Acknowledgement[],
    /** When the time of the last of their mails is over. */
    expiresAt: WallMs,
  ) => void
}

interface Waiting<Peer> {
  readonly peer: Peer
  /** By transaction: what is asked twice is answered once. */
  readonly answers: Map<string, Acknowledgement>
  readonly cancel: () => void
  expiresAt: WallMs
}

export class Acknowledgements<Peer extends Named> {
  readonly #options: AcknowledgementsOptions<Peer>
  readonly #waiting = new Map<string, Waiting<Peer>>()

  constructor(options: AcknowledgementsOptions<Peer>) {
    this.#options = options
  }

  add(peer: Peer, answers: readonly Acknowledgement[], expiresAt: WallMs): void {
    const name = peer.to
    for (const answer of answers) {
      const waiting = this.#waiting.get(name) ?? this.#open(name, peer, expiresAt)
      waiting.answers.set(answer.transaction, answer)
      if (waiting.expiresAt < expiresAt) waiting.expiresAt = expiresAt
      if (waiting.answers.size >= this.#options.answersMax) this.#send(name)
    }
  }

  /** What waits goes now. */
  flush(): void {
    for (const name of [...this.#waiting.keys()]) this.#send(name)
  }

  #open(name: string, peer: Peer, expiresAt: WallMs): Waiting<Peer> {
    const { clock, waitMs } = this.#options
    const cancel = clock.at(addMs(clock.now(), waitMs(peer)), () => this.#send(name))
    const waiting = { peer, answers: new Map<string, Acknowledgement>(), cancel, expiresAt }
    this.#waiting.set(name, waiting)
    return waiting
  }

  #send(name: string): void {
    const waiting = this.#waiting.get(name)
    if (waiting === undefined) return
    this.#waiting.delete(name)
    waiting.cancel()
    // In the order of their names, which are fewer octets so.
    const answers = [...waiting.answers.values()].sort((a, b) => byName(a, b))
    this.#options.send(waiting.peer, answers, waiting.expiresAt)
  }
}

function byName(a: Acknowledgement, b: Acknowledgement): number {
  const [[runA = '', numberA = ''], [runB = '', numberB = '']] = [
    a.transaction.split('.'),
    b.transaction.split('.'),
  ]
  return runA === runB ? Number(numberA) - Number(numberB) : runA < runB ? -1 : 1
}
