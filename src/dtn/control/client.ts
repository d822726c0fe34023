/** A program's side of the control socket. */

import { Fault } from '../../base/fault.ts'
import type { Machine, StreamEffect, StreamEvent } from '../../base/machine.ts'
import type { MonoMs } from '../../base/time.ts'
import type { ReceivedAdu } from '../node.ts'
import type { ControlFaultCode } from './fault.ts'
import { FrameReader } from './frame.ts'
import { UNANSWERED_BYTES_MAX, UNANSWERED_MAX } from './limits.ts'
import {
  type AnsweredRequest,
  bodyBytesOf,
  CONTROL_PROTOCOL,
  type ControlReply,
  type ControlRequest,
  decodeReply,
  encodeRequest,
  type ReceivedItem,
} from './message.ts'

export type ControlWish =
  | { readonly type: 'request'; readonly request: AnsweredRequest }
  | { readonly type: 'take'; readonly delivery: number }
  /** Ends the session; what is not taken stays with the node. */
  | { readonly type: 'leave' }

export type ControlHearing =
  | { readonly type: 'welcomed'; readonly node: bigint }
  | { readonly type: 'done'; readonly id: number; readonly body: Uint8Array }
  | { readonly type: 'failed'; readonly id: number; readonly fault: Fault }
  | { readonly type: 'delivered'; readonly delivery: number; readonly adu: ReceivedAdu }
  | { readonly type: 'item-delivered'; readonly delivery: number; readonly item: ReceivedItem }
  /** The last: why nothing more comes. All that was unanswered has failed with the same. */
  | { readonly type: 'over'; readonly fault: Fault }

export class ControlClient
  implements Machine<StreamEvent | ControlWish, StreamEffect | ControlHearing>
{
  readonly deadline: MonoMs | undefined = undefined
  readonly #reader: FrameReader = new FrameReader()
  /** Beyond the window of the protocol. */
  #waiting: AnsweredRequest[] = []
  readonly #unanswered = new Map<number, number>()
  #unansweredBytes = 0
  #state: 'greeting' | 'open' | 'over' = 'greeting'

  handle(event: StreamEvent | ControlWish): readonly (StreamEffect | ControlHearing)[] {
    if (this.#state === 'over') return []
    switch (event.type) {
      case 'bytes':
        this.#reader.append(event.bytes)
        return this.#read()
      case 'request':
        this.#waiting.push(event.request)
        return this.#ask()
      case 'take':
        return [say(event)]
      case 'leave':
        return [say(event), { type: 'close' }, ...this.#end(ended('the session was left'))]
      case 'ended':
        return this.#end(ended('the node has gone'))
      default:
        return []
    }
  }

  #read(): readonly (StreamEffect | ControlHearing)[] {
    const effects: (StreamEffect | ControlHearing)[] = []
    while (this.#state !== 'over') {
      const frame = this.#reader.next()
      if (!frame.ok) return [...effects, ...this.#giveUp(frame.fault)]
      if (frame.value === undefined) return effects
      const reply = decodeReply(frame.value)
      effects.push(...(reply.ok ? this.#onReply(reply.value) : this.#giveUp(reply.fault)))
    }
    return effects
  }

  #onReply(reply: ControlReply): readonly (StreamEffect | ControlHearing)[] {
    switch (reply.type) {
      case 'welcome':
        if (reply.protocol !== CONTROL_PROTOCOL) {
          const message = `the node speaks version ${reply.protocol} of the control protocol`
          return this.#giveUp(
            new Fault<ControlFaultCode>('control/bad-message', message, { temporary: false }),
          )
        }
        this.#state = 'open'
        return [{ type: 'welcomed', node: reply.node }, ...this.#ask()]
      case 'done':
      case 'failed':
        this.#unansweredBytes -= this.#unanswered.get(reply.id) ?? 0
        if (!this.#unanswered.delete(reply.id)) return []
        return [reply, ...this.#ask()]
      case 'deliver':
        return [{ type: 'delivered', delivery: reply.delivery, adu: reply.adu }]
      case 'deliver-item':
        return [{ type: 'item-delivered', delivery: reply.delivery, item: reply.item }]
      case 'refused':
        return this.#giveUp(reply.fault)
    }
  }

  /** Says what the window has room for. */
  #ask(): readonly StreamEffect[] {
    if (this.#state !== 'open') return []
    const effects: StreamEffect[] = []
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const bytes = bodyBytesOf(next)
      const isFull =
        this.#unanswered.size >= UNANSWERED_MAX ||
        (this.#unanswered.size > 0 && this.#unansweredBytes + bytes > UNANSWERED_BYTES_MAX)
      if (isFull) break
      this.#waiting.shift()
      this.#unanswered.set(next.id, bytes)
      this.#unansweredBytes += bytes
      effects.push(say(next))
    }
    return effects
  }

  #giveUp(fault: Fault): readonly (StreamEffect | ControlHearing)[] {
    return [{ type: 'close' }, ...this.#end(fault)]
  }

  #end(fault: Fault): readonly ControlHearing[] {
    this.#state = 'over'
    const waiting = this.#waiting.map(({ id }) => id)
    this.#waiting = []
    const failed = [...this.#unanswered.keys(), ...waiting].map(
      (id) => ({ type: 'failed', id, fault }) as const,
    )
    return [...failed, { type: 'over', fault }]
  }
}

function ended(message: string): Fault<ControlFaultCode> {
  return new Fault('control/ended', message, { temporary: true })
}

function say(request: ControlRequest): StreamEffect {
  return { type: 'send', bytes: encodeRequest(request) }
}
