/** Tells programs of any user of this machine what waits in the queue, and hears nothing of them: Postfix's `showq`. */

import { fromUtf8 } from '../base/bytes.ts'
import { addMs } from '../base/time.ts'
import type { MailQueue } from '../mail/queue.ts'
import { SessionPort, type SessionPortContext } from '../mail/session-port.ts'
import type { ByteStream, SocketAddress } from '../ports/network.ts'
import { QUEUE_LIST_MS_MAX } from './limits.ts'
import { END_OF_QUEUE, TOO_MANY_LISTS } from './mail-requests.ts'
import { pageOfQueue, queueEntry } from './queue-list.ts'

export interface QueueListerOptions {
  readonly listen: SocketAddress
  readonly sessionsMax: number
  readonly connectionsPerPeerMax: number
}

export class QueueLister {
  readonly #queue: MailQueue
  readonly #context: SessionPortContext
  readonly #port: SessionPort<ListSession>

  constructor(
    options: QueueListerOptions,
    context: Omit<SessionPortContext, 'service'> & { readonly queue: MailQueue },
  ) {
    this.#queue = context.queue
    this.#context = { ...context, service: 'showq' }
    // All of them come from one place, this machine.
    const bounds = { ...options, sessionsPerPeerMax: options.sessionsMax }
    this.#port = new SessionPort(bounds, this.#context, {
      refusal: lines([TOO_MANY_LISTS]),
      open: (_id, stream) => this.#open(stream),
      ended: async (session) => session.end(),
    })
  }

  /** Rejects with a Fault of the network. */
  start(): Promise<unknown> {
    return this.#port.open()
  }

  async stop(): Promise<void> {
    await this.#port.close()
    for (const stream of this.#port.sessions.values()) stream.abort()
  }

  #open(stream: ByteStream): ListSession {
    const { clock } = this.#context
    const session = new ListSession(this.#queue, stream)
    // Who reads no further must not keep a place for ever.
    const cancel = clock.at(addMs(clock.now(), QUEUE_LIST_MS_MAX), () => stream.abort())
    session.onEnd = cancel
    stream.onBytes = () => {}
    stream.onDrained = () => session.writeOn()
    session.writeOn()
    return session
  }
}

/** Writes a page whenever the one before has left. */
class ListSession {
  readonly #queue: MailQueue
  readonly #stream: ByteStream
  #after = ''
  #isOver = false
  onEnd: () => void = () => {}

  constructor(queue: MailQueue, stream: ByteStream) {
    this.#queue = queue
    this.#stream = stream
  }

  end(): void {
    this.#isOver = true
    this.onEnd()
  }

  writeOn(): void {
    if (this.#isOver) return
    const page = pageOfQueue(this.#queue, this.#after)
    const last = page.at(-1)
    if (last === undefined) {
      this.#isOver = true
      this.#stream.send(lines([END_OF_QUEUE]))
      this.#stream.close()
      return
    }
    this.#after = last
    const entries = page.flatMap((queueId) => queueEntry(this.#queue, queueId) ?? [])
    this.#stream.send(lines(entries))
    // All of them have gone meanwhile: nothing was sent that could drain.
    if (entries.length === 0) this.writeOn()
  }
}

function lines(values: readonly unknown[]): Uint8Array {
  return fromUtf8(values.map((value) => `${JSON.stringify(value)}\n`).join(''))
}
