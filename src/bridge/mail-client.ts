/** What a program may ask of a running mail host, over its control socket. */

import { concat, fromUtf8, toUtf8 } from '../base/bytes.ts'
import type { NodeClient } from '../dtn/control/node-client.ts'
import type { InjectedFault, InjectedFaultView } from '../mail/policy/injected-faults.ts'
import type { CarriedIn, WaitingParcel } from './carry-desk.ts'
import type { CarryHost } from './carry-files.ts'
import type { QueueAction, QueueEntry, QueueSelection } from './mail-requests.ts'
import type { LinkCost } from './queue-cost.ts'
import type { MailTrace } from './trace.ts'

/** What a program has to know of the host that it hands mail to. */
export interface AboutHost {
  readonly host: string
  readonly messageBytesMax: number
  /** Where the mails of the user that was asked for are; undefined where there is no such user. */
  readonly maildir?: string
}

/** Everything rejects with the Fault that the host answers, or `control/ended` once it has gone. */
export class MailClient implements CarryHost {
  readonly #node: Pick<NodeClient, 'call' | 'close'>
  constructor(node: Pick<NodeClient, 'call' | 'close'>) {
    this.#node = node
  }

  /** All that waits, in the order in which it came. */
  async queue(): Promise<readonly QueueEntry[]> {
    const entries: QueueEntry[] = []
    for (let after = ''; ; ) {
      const page = await this.#ask<readonly QueueEntry[]>('queue-list', { after })
      if (page.length === 0) return entries
      entries.push(...page)
      after = page.at(-1)?.queueId ?? ''
    }
  }

  /** A mail as it is in the queue, piece by piece. */
  async *message(queueId: string): AsyncGenerator<Uint8Array, void> {
    for (let index = 0; ; index++) {
      const request = fromUtf8(JSON.stringify({ queueId, index }))
      const piece = await this.#node.call('queue-message', request)
      if (piece.length === 0) return
      yield piece
    }
  }

  /** `matched` are those that the selection names, `done` those with which it could be done now. */
  act(
    action: QueueAction,
    selection: QueueSelection,
  ): Promise<{ readonly matched: number; readonly done: number }> {
    return this.#ask('queue-act', { action, selection })
  }

  /** What waiting mail will cost, for each next hop that it goes to in bundles. */
  cost(): Promise<readonly LinkCost[]> {
    return this.#ask('queue-cost', {})
  }

  /** The stories of the mails with this queue id or Message-ID; none where nothing is known. */
  trace(name: string): Promise<readonly MailTrace[]> {
    return this.#ask('trace', { name })
  }

  about(user?: string): Promise<AboutHost> {
    return this.#ask('about', user === undefined ? {} : { user })
  }

  /** Faults on purpose that are in force. */
  faults(): Promise<readonly InjectedFaultView[]> {
    return this.#ask('fault-list', {})
  }

  /** Resolves with its number. It holds until it is removed, or the host stops. */
  async addFault(fault: InjectedFault): Promise<number> {
    return (await this.#ask<{ readonly id: number }>('fault-add', fault)).id
  }

  /** The one with this number, or all; resolves with how many there were. */
  async removeFaults(id?: number): Promise<number> {
    const request = id === undefined ? {} : { id }
    return (await this.#ask<{ readonly removed: number }>('fault-remove', request)).removed
  }

  /** What waits to be carried behind `after`, a page of it; the first time all that gathers is packed. */
  parcels(after: string): Promise<readonly WaitingParcel[]> {
    return this.#ask('carry-list', { after })
  }

  /** The file of one; empty where it is gone meanwhile. */
  async parcel(key: string): Promise<Uint8Array> {
    const pieces: Uint8Array[] = []
    for (let index = 0; ; index++) {
      const piece = await this.#node.call('carry-read', fromUtf8(JSON.stringify({ key, index })))
      if (piece.length === 0) return concat(...pieces)
      pieces.push(piece)
    }
  }

  /** The files of these are whole and on the medium. */
  async written(keys: readonly string[], place: string): Promise<void> {
    await this.#ask('carry-written', { keys, place })
  }

  /** A file from a medium; resolves with what became of it. */
  async bring(bytes: AsyncIterable<Uint8Array>): Promise<CarriedIn> {
    const { upload } = await this.#ask<{ readonly upload: number }>('carry-begin', {})
    for await (const piece of bytes) {
      const numbered = concat(fromUtf8(`${upload}\n`), piece)
      const answer = toUtf8(await this.#node.call('carry-piece', numbered))
      // The rest of a file that is too large would be read for nothing, however long it is.
      if (!(JSON.parse(answer) as { readonly isMoreWanted: boolean }).isMoreWanted) break
    }
    return this.#ask('carry-end', { upload })
  }

  close(): void {
    this.#node.close()
  }

  async #ask<Answer>(name: string, request: unknown): Promise<Answer> {
    const answer = await this.#node.call(name, fromUtf8(JSON.stringify(request)))
    return JSON.parse(toUtf8(answer)) as Answer
  }
}
