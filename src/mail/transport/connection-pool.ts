import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { ByteStream } from '../../ports/network.ts'
import type { ClientSession } from './client-session.ts'
import { transportFault } from './fault.ts'
import { CONNECTIONS_MAX, IDLE_MS, STOP_WAIT_MS } from './limits.ts'

interface Idle {
  readonly session: ClientSession
  readonly forget: () => void
}

/** All connections to other servers, of which those that are idle serve the next mail of their kind. */
export class ConnectionPool {
  readonly #clock: Clock
  readonly #idle = new Map<string, Idle[]>()
  readonly #open = new Set<ClientSession>()
  readonly #opening = new Set<ByteStream>()
  #connections = 0
  readonly #waiting: (() => void)[] = []
  #isStopped = false
  /** Called when the last connection is gone. */
  #onEmpty = (): void => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /**
   * Cuts off what is under way, at once or, where a server has a whole message to answer for, when it
   * has done so, or a while later. Resolves when no connection is left.
   */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const stream of this.#opening) stream.abort()
    for (const go of this.#waiting.splice(0)) go()
    for (const session of [...this.#open]) if (!session.isAnswerAwaited) session.abort()
    if (this.#open.size === 0) return
    await new Promise<void>((resolve) => {
      const forget = this.#clock.at(addMs(this.#clock.now(), STOP_WAIT_MS), resolve)
      this.#onEmpty = () => {
        forget()
        resolve()
      }
    })
    for (const session of [...this.#open]) session.abort()
  }

  /** Waits for a place among all; rejects with a Fault where there is no connection, or no session on it. */
  async open(
    connect: () => Promise<ByteStream>,
    begin: (stream: ByteStream) => Promise<ClientSession>,
  ): Promise<ClientSession> {
    await this.#takePlace()
    let session: ClientSession
    let stream: ByteStream | undefined
    try {
      stream = await connect()
      this.#opening.add(stream)
      if (this.#isStopped) stream.abort()
      session = await begin(stream)
    } catch (error) {
      this.#leavePlace()
      throw error
    } finally {
      if (stream !== undefined) this.#opening.delete(stream)
    }
    this.#open.add(session)
    session.onOver = () => {
      if (!this.#open.delete(session)) return
      this.#leavePlace()
      if (this.#open.size === 0) this.#onEmpty()
    }
    return session
  }

  /** For the next mail, for a while. */
  keep(session: ClientSession, kind: string): void {
    if (!session.isReady) return
    if (!session.takesMore || this.#waiting.length > 0 || this.#isStopped) {
      session.quit()
      return
    }
    const idle = this.#idle.get(kind) ?? []
    const leave = (): void => {
      this.#removeIdle(kind, entry)
      session.quit()
    }
    const forget = this.#clock.at(addMs(this.#clock.now(), IDLE_MS), leave)
    const entry: Idle = { session, forget }
    idle.push(entry)
    this.#idle.set(kind, idle)
  }

  takeIdle(kind: string): ClientSession | undefined {
    for (;;) {
      const entry = this.#idle.get(kind)?.at(-1)
      if (entry === undefined) return undefined
      this.#removeIdle(kind, entry)
      entry.forget()
      if (entry.session.isReady) return entry.session
    }
  }

  #removeIdle(kind: string, entry: Idle): void {
    const left = (this.#idle.get(kind) ?? []).filter((other) => other !== entry)
    if (left.length === 0) this.#idle.delete(kind)
    else this.#idle.set(kind, left)
  }

  /** Waits until one of the places is free. */
  async #takePlace(): Promise<void> {
    while (this.#connections >= CONNECTIONS_MAX && !this.#isStopped) {
      this.#quitOneIdle()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    if (this.#isStopped) throw stopping()
    this.#connections++
  }

  #leavePlace(): void {
    this.#connections--
    this.#waiting.shift()?.()
  }

  #quitOneIdle(): void {
    for (const [kind, [entry]] of this.#idle) {
      if (entry === undefined) continue
      this.#removeIdle(kind, entry)
      entry.forget()
      entry.session.quit()
      return
    }
  }
}

export function stopping(): Error {
  return transportFault('transport/stopped', 'this host is stopping', '4.3.2')
}
