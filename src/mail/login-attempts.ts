/**
 * Makes guessing slow, by the address it comes from: a wrong password is answered the later the more
 * of them came before it, over whatever connections of whatever service, and the next is not looked
 * at before. Who hangs up without waiting for the answer gains nothing.
 */

import { asFault } from '../base/fault.ts'
import { networkOf } from '../base/ip-address.ts'
import { addMs, type MonoMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import {
  LOGIN_ATTEMPTS_WAITING_MAX,
  LOGIN_FAILURE_DELAY_MS,
  LOGIN_FAILURE_DELAYS_MAX,
  LOGIN_FAILURES_KEPT_MS,
  LOGIN_PEERS_MAX,
} from './limits.ts'

interface Peer {
  failures: number
  failedAt: MonoMs
  /** Under way, with those that wait for their turn. */
  attempts: number
  last: Promise<void>
}

export class LoginAttempts {
  readonly #clock: Clock
  /** The one whose last failure is the oldest first. */
  readonly #peers = new Map<string, Peer>()
  readonly #endDelays = new Set<() => void>()
  #isStopped = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Runs `verify` when the turn of this peer has come, and resolves, late where that failed, with
   * what it found; with `not-now` where too many attempts of this peer wait, or where `verify`
   * rejects with a Fault.
   */
  async attempt<Found>(
    address: string,
    verify: () => Promise<Found | undefined>,
  ): Promise<Found | undefined | 'not-now'> {
    const name = networkOf(address)
    const peer = this.#peers.get(name) ?? this.#newPeer(name)
    if (peer.attempts > LOGIN_ATTEMPTS_WAITING_MAX) return 'not-now'
    peer.attempts++
    const attempt = peer.last.then(async () => {
      if (this.#isStopped) return 'not-now'
      const found = await verify().catch(notNow)
      if (found === undefined) await this.#punish(name, peer)
      return found
    })
    peer.last = attempt.then(
      () => this.#leave(name, peer),
      () => this.#leave(name, peer),
    )
    return attempt
  }

  /** Nobody waits any more; attempts that are still waiting for their turn are not made. */
  stop(): void {
    this.#isStopped = true
    for (const end of [...this.#endDelays]) end()
  }

  #newPeer(name: string): Peer {
    const peer: Peer = {
      failures: 0,
      failedAt: this.#clock.now(),
      attempts: 0,
      last: Promise.resolve(),
    }
    this.#peers.set(name, peer)
    return peer
  }

  async #punish(name: string, peer: Peer): Promise<void> {
    const now = this.#clock.now()
    if (isForgotten(peer, now)) peer.failures = 0
    peer.failures++
    peer.failedAt = now
    this.#peers.delete(name)
    this.#peers.set(name, peer)
    this.#forgetSome()
    const delays = Math.min(peer.failures, LOGIN_FAILURE_DELAYS_MAX)
    await this.#delay(delays * LOGIN_FAILURE_DELAY_MS)
  }

  #delay(durationMs: number): Promise<void> {
    if (this.#isStopped) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        cancel()
        this.#endDelays.delete(end)
        resolve()
      }
      const cancel = this.#clock.at(addMs(this.#clock.now(), durationMs), end)
      this.#endDelays.add(end)
    })
  }

  #leave(name: string, peer: Peer): void {
    peer.attempts--
    if (peer.attempts === 0 && peer.failures === 0) this.#peers.delete(name)
  }

  /** All who have been good for long enough, and more where there are too many. */
  #forgetSome(): void {
    const now = this.#clock.now()
    for (const [name, peer] of this.#peers) {
      if (!isForgotten(peer, now) && this.#peers.size <= LOGIN_PEERS_MAX) return
      // Sessions bound how many are at it.
      if (peer.attempts === 0) this.#peers.delete(name)
    }
  }
}

function notNow(error: unknown): 'not-now' {
  asFault(error)
  return 'not-now'
}

function isForgotten({ failedAt }: Peer, now: MonoMs): boolean {
  return addMs(failedAt, LOGIN_FAILURES_KEPT_MS) <= now
}
