import { expect, it } from 'vitest'
import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../base/bytes.ts'
import { wallMs } from '../base/time.ts'
import type { Delivery, Outcome } from './delivery.ts'
import { mailFault } from './fault.ts'
import { IncomingMessage } from './incoming-message.ts'
import { MessageIntake } from './message-intake.ts'
import { HoldBudget, MessageHold } from './policy/message-hold.ts'
import { ACCEPT, type MessageReader } from './policy/policy.ts'
import type { QueuedDelivery } from './queue-delivery.ts'

const MESSAGE = 'Subject: hello\r\n\r\nHello\r\n'

/** What a mailbox, or the queue, is given; it fails once it has more than so many octets. */
class Target implements Delivery {
  text = ''
  state: 'open' | 'committed' | 'aborted' = 'open'
  readonly #bytesMax: number

  constructor(bytesMax = Number.POSITIVE_INFINITY) {
    this.#bytesMax = bytesMax
  }

  async addRecipient(): Promise<void> {}

  async write(bytes: Uint8Array): Promise<void> {
    if (this.text.length + bytes.length > this.#bytesMax) {
      throw mailFault('mail/spool-full', 'full', { temporary: true })
    }
    this.text += toLatin1(bytes)
  }

  prepend(bytes: Uint8Array): void {
    this.text = toLatin1(bytes) + this.text
  }

  async commit(): Promise<readonly Outcome[]> {
    this.state = 'committed'
    return [{ type: 'delivered', detail: '' }]
  }

  async abort(): Promise<void> {
    this.state = 'aborted'
  }
}

interface Taken {
  readonly message: IncomingMessage
  readonly budget: HoldBudget
  readonly read: () => string
}

/** To a mailbox; where policies read it, at most `heldBytesMax` are held back. */
function messageTo(mailbox: Target, queue: Target, heldBytesMax?: number): Taken {
  const read: Uint8Array[] = []
  const budget = new HoldBudget(1000)
  const from = { helo: undefined, peer: undefined, user: undefined, protocol: 'LOCAL' }
  const trace = { ...from, by: 'a.com', id: 'Q', recipient: undefined, date: wallMs(0) }
  const reader: MessageReader = {
    push: (bytes) => void read.push(bytes),
    end: async () => ACCEPT,
  }
  const isRead = heldBytesMax !== undefined
  const message = new IncomingMessage({
    filter: { push: (bytes) => bytes, end: () => NO_BYTES },
    intake: new MessageIntake(trace, 'transfer'),
    target: { kind: 'direct', delivery: mailbox },
    readers: new Map(isRead ? [[{ name: 'reader' }, reader]] : []),
    hold: isRead ? new MessageHold(heldBytesMax, budget) : undefined,
    startQueued: async () => ({ kind: 'queued', delivery: queue as unknown as QueuedDelivery }),
  })
  return { message, budget, read: () => toLatin1(concat(...read)) }
}

async function pushAll({ message }: Taken): Promise<void> {
  await message.begin(fromLatin1('X: 1\r\n'))
  for (const piece of [MESSAGE.slice(0, 20), MESSAGE.slice(20)]) {
    await message.push(fromLatin1(piece))
  }
  await message.end()
}

it('is written as it comes where no policy reads it', async () => {
  const [mailbox, queue] = [new Target(), new Target()]
  const taken = messageTo(mailbox, queue)
  await pushAll(taken)
  expect(mailbox.text).toMatch(/^X: 1\r\nReceived: .*Subject: hello\r\n\r\nHello\r\n$/s)
  expect(taken.message.sizeBytes).toBe(mailbox.text.length)
  await taken.message.pass(fromLatin1('Y: 2\r\n'))
  await taken.message.commit()
  expect([mailbox.state, mailbox.text.includes('Y: 2'), queue.text]).toEqual([
    'committed',
    false,
    '',
  ])
})

it('is held back until the policies that read it take it, with what they say above it', async () => {
  const [mailbox, queue] = [new Target(), new Target()]
  const taken = messageTo(mailbox, queue, 500)
  await pushAll(taken)
  expect([mailbox.text, taken.budget.bytesLeft < 1000]).toEqual(['', true])
  await taken.message.pass(fromLatin1('Y: 2\r\n'))
  expect([mailbox.text, taken.budget.bytesLeft]).toEqual([`Y: 2\r\n${taken.read()}`, 1000])
  expect(taken.message.isDirect).toBe(true)
})

it('goes into the queue where it is too large to be held back, and what policies say still stands above it', async () => {
  const [mailbox, queue] = [new Target(), new Target()]
  const taken = messageTo(mailbox, queue, 10)
  await pushAll(taken)
  await taken.message.pass(fromLatin1('Y: 2\r\n'))
  expect([mailbox.state, mailbox.text, queue.text]).toEqual([
    'aborted',
    '',
    `Y: 2\r\n${taken.read()}`,
  ])
  expect([taken.message.isDirect, taken.message.sizeBytes]).toEqual([false, queue.text.length])
})

it('tells why it cannot be taken when all of it has come, and leaves nothing', async () => {
  const [mailbox, queue] = [new Target(20), new Target()]
  const taken = messageTo(mailbox, queue, 500)
  await pushAll(taken)
  await taken.message.pass(NO_BYTES)
  expect([taken.message.fault?.code, mailbox.text]).toEqual(['mail/spool-full', ''])
  await taken.message.abort()
  expect([mailbox.state, taken.budget.bytesLeft]).toEqual(['aborted', 1000])
})
