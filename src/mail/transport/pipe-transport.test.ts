import { expect, test } from 'vitest'
import { World } from '../../lab/world.ts'
import type { Process } from '../../ports/process.ts'
import { PipeTransport } from './pipe-transport.ts'

test('a program that has just been started when the host stops is killed, and the mail stays', async () => {
  const clock = new World({ settle: () => new Promise((resolve) => setImmediate(resolve)) })
  let kills = 0
  const program: Process = {
    ended: new Promise(() => {}),
    write: async () => {},
    end: () => {},
    kill: () => {
      kills++
    },
  }
  let begin = (): void => {}
  const start = (): Promise<Process> =>
    new Promise((resolve) => {
      begin = () => resolve(program)
    })
  const transport = new PipeTransport({ timeLimitMs: 1000 }, { clock, processes: { start } })
  const from = { reversePath: undefined, parameters: {} }
  const delivery = await transport.target(['/bin/program']).start({ queueId: 'Q', from })
  await delivery.addRecipient({ localPart: 'bob', domain: 'b.com' })
  const outcomes = delivery.commit()
  const stopped = transport.stop()
  begin()
  expect(await outcomes).toMatchObject([{ type: 'refused', fault: { temporary: true } }])
  await stopped
  expect(kills).toBe(1)
})
