/**
 * The node's side of the control socket: one session with one program. It asks the node (questions
 * are effects), and what the node answers comes back as events.
 */

import { NO_BYTES } from '../../base/bytes.ts'
import type { Fault } from '../../base/fault.ts'
import type { Machine, StreamEffect, StreamEvent } from '../../base/machine.ts'
import type { MonoMs } from '../../base/time.ts'
import type { ReceivedAdu } from '../node.ts'
import { bad, FrameReader } from './frame.ts'
import { UNANSWERED_BYTES_MAX, UNANSWERED_MAX } from './limits.ts'
import {
  bodyBytesOf,
  CONTROL_PROTOCOL,
  type ControlReply,
  type ControlRequest,
  decodeRequest,
  encodeReply,
  type ReceivedItem,
} from './message.ts'

export type ControlAnswer =
  | { readonly type: 'done'; readonly id: number; readonly body: Uint8Array }
  | { readonly type: 'failed'; readonly id: number; readonly fault: Fault }
  | { readonly type: 'deliver'; readonly delivery: number; readonly adu: ReceivedAdu }
  | { readonly type: 'deliver-item'; readonly delivery: number; readonly item: ReceivedItem }

/** Each with an `id` is answered once, by `done` or `failed`; `leave` is the last. */
export type ControlQuestion = ControlRequest

type AdmittedRequest = Exclude<ControlRequest, { readonly type: 'leave' }>

export interface ControlServerOptions {
  readonly node: bigint
  /** Why this program cannot be served. */
  readonly refusal?: Fault
}

export class ControlServer
  implements Machine<StreamEvent | ControlAnswer, StreamEffect | ControlQuestion>
{
  readonly deadline: MonoMs | undefined = undefined
  readonly #options: ControlServerOptions
  readonly #reader: FrameReader = new FrameReader()
  /** The bytes of each request that waits for its answer. */
  readonly #unanswered = new Map<number, number>()
  #unansweredBytes = 0
  readonly #untaken = new Set<number>()
  #isOver = false

  constructor(options: ControlServerOptions) {
    this.#options = options
  }

  handle(event: StreamEvent | ControlAnswer): readonly (StreamEffect | ControlQuestion)[] {
    if (this.#isOver) return []
    switch (event.type) {
      case 'connected':
        return this.#onConnected()
      case 'bytes':
        this.#reader.append(event.bytes)
        return this.#read()
      case 'done':
      case 'failed':
        this.#unansweredBytes -= this.#unanswered.get(event.id) ?? 0
        this.#unanswered.delete(event.id)
        return [say(event)]
      case 'deliver':
      case 'deliver-item':
        this.#untaken.add(event.delivery)
        return [say(event)]
      case 'ended':
        this.#isOver = true
        return [{ type: 'leave' }]
      default:
        return []
    }
  }

  #onConnected(): readonly (StreamEffect | ControlQuestion)[] {
    const { node, refusal } = this.#options
    return refusal === undefined
      ? [say({ type: 'welcome', protocol: CONTROL_PROTOCOL, node })]
      : this.#refuse(refusal)
  }

  #read(): readonly (StreamEffect | ControlQuestion)[] {
    const effects: (StreamEffect | ControlQuestion)[] = []
    for (;;) {
      const frame = this.#reader.next()
      if (!frame.ok) return [...effects, ...this.#refuse(frame.fault)]
      if (frame.value === undefined) return effects
      const request = decodeRequest(frame.value)
      if (!request.ok) return [...effects, ...this.#refuse(request.fault)]
      if (request.value.type === 'leave') {
        this.#isOver = true
        return [...effects, { type: 'close' }, request.value]
      }
      const objection = this.#admit(request.value)
      if (objection !== undefined) return [...effects, ...this.#refuse(objection)]
      effects.push(request.value)
    }
  }

  /** The window is part of the protocol: who goes beyond it does not know it. */
  #admit(request: AdmittedRequest): Fault | undefined {
    if (request.type === 'take') {
      return this.#untaken.delete(request.delivery) ? undefined : bad('an unknown delivery')
    }
    if (this.#unanswered.has(request.id)) return bad('an id that is in use')
    const bytes = bodyBytesOf(request)
    const isFull =
      this.#unanswered.size >= UNANSWERED_MAX ||
      (this.#unanswered.size > 0 && this.#unansweredBytes + bytes > UNANSWERED_BYTES_MAX)
    if (isFull) return bad('too many requests at once')
    this.#unanswered.set(request.id, bytes)
    this.#unansweredBytes += bytes
    return undefined
  }

  #refuse(fault: Fault): readonly (StreamEffect | ControlQuestion)[] {
    this.#isOver = true
    return [say({ type: 'refused', fault }), { type: 'close' }, { type: 'leave' }]
  }
}

/** The answer to a request that has nothing to tell. */
export const NOTHING_TO_TELL: Uint8Array = NO_BYTES

function say(reply: ControlReply): StreamEffect {
  return { type: 'send', bytes: encodeReply(reply) }
}
