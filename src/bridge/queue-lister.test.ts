import { expect, test } from 'vitest'
import { mailStage, pass, submit } from '../../test/support/mail-stage.ts'
import { FakeStream } from '../../test/support/smtp-bench.ts'
import { fromLatin1 } from '../base/bytes.ts'
import type { ByteStream, Network } from '../ports/network.ts'
import { QUEUE_LIST_MS_MAX } from './limits.ts'
import { QueueLister } from './queue-lister.ts'

const BOUNDS = {
  listen: { host: '/run/2.queue', port: 0 },
  sessionsMax: 2,
  connectionsPerPeerMax: 100,
}

async function scene() {
  const stage = mailStage({ remote: () => new Promise(() => {}) })
  await stage.queue.open()
  let accept = (_stream: ByteStream): void => {}
  const network = {
    listen: async (address, onStream) => {
      accept = onStream
      return { address, close: async () => {} }
    },
  } as Partial<Network> as Network
  const { clock, entropy, queue } = stage
  const events = (): void => {}
  const lister = new QueueLister(BOUNDS, { network, clock, entropy, events, queue })
  await lister.start()
  const connect = (): FakeStream => {
    const stream = new FakeStream('/run/2.queue')
    accept(stream)
    return stream
  }
  return { stage, lister, connect }
}

const linesOf = ({ heard }: FakeStream): readonly unknown[] =>
  heard.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))

test('what waits is told page by page as it is read, and then the end', async () => {
  const { stage, connect } = await scene()
  for (let i = 0; i < 101; i++) await submit(stage, [`u${i}@mail-2.a.com`])
  await pass(stage, 0)
  const stream = connect()
  stream.onBytes(fromLatin1('delete everything\r\n'))
  expect(linesOf(stream)).toHaveLength(100)
  stream.onDrained()
  stream.onDrained()
  const lines = linesOf(stream)
  expect([lines.length, lines.at(-1)]).toEqual([102, 'end'])
  expect(lines[0]).toMatchObject({ recipients: [{ route: 'bp:ipn:3.2525' }] })
  expect(stream.state).toBe('closed')
})

test('who reads no further has no place for ever, and more than fit in are told so', async () => {
  const { stage, lister, connect } = await scene()
  await submit(stage, ['ann@mail-2.a.com'])
  const [slow, other, third] = [connect(), connect(), connect()]
  expect(linesOf(third as FakeStream)).toEqual(['too many programs ask at once'])
  await pass(stage, QUEUE_LIST_MS_MAX)
  expect([slow?.state, other?.state]).toEqual(['closed', 'closed'])
  slow?.end()
  other?.end()
  const last = connect()
  expect(linesOf(last)).toHaveLength(1)
  await lister.stop()
  expect(last.state).toBe('closed')
})
