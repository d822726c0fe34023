import { expect, test } from 'vitest'
import { addMs, wallMs } from '../base/time.ts'
import { World } from '../lab/world.ts'
import { Acknowledgements } from './acknowledgements.ts'

const MOON = { to: 'ipn:3.2525' }
const MARS = { to: 'ipn:4.2525' }

function stage(waitMs: number) {
  const world = new World({ settle: async () => {} })
  const sent: string[] = []
  const acknowledgements = new Acknowledgements<typeof MOON>({
    ...{ clock: world, waitMs: () => waitMs, answersMax: 3 },
    send: (peer, answers, expiresAt) => {
      const names = answers.map(({ transaction }) => transaction.replace('a1b2c3d4e5f6.', ''))
      sent.push(`${peer.to}: ${names.join(' ')} until ${expiresAt}`)
    },
  })
  const add = (peer: typeof MOON, number: number, expiresAt = 9000): void =>
    acknowledgements.add(
      peer,
      [{ transaction: `a1b2c3d4e5f6.${number}`, refusals: [] }],
      wallMs(expiresAt),
    )
  return {
    sent,
    add,
    flush: () => acknowledgements.flush(),
    wait: (ms: number) => world.run(addMs(world.now(), ms)),
  }
}

test('answers to one gateway that come soon after each other go together, in the order of names', async () => {
  const { sent, add, wait } = stage(100)
  add(MOON, 10, 5000)
  await wait(60)
  add(MOON, 9, 7000)
  add(MARS, 1)
  expect(sent).toEqual([])
  await wait(40)
  expect(sent).toEqual(['ipn:3.2525: 9 10 until 7000'])
  await wait(60)
  expect(sent).toEqual(['ipn:3.2525: 9 10 until 7000', 'ipn:4.2525: 1 until 9000'])
})

test('what is asked again meanwhile is answered once', async () => {
  const { sent, add, wait } = stage(0)
  for (let copies = 0; copies < 5; copies++) add(MOON, 1)
  await wait(0)
  expect(sent).toEqual(['ipn:3.2525: 1 until 9000'])
})

test('what waits when the host stops goes then, and once', async () => {
  const { sent, add, flush, wait } = stage(100)
  add(MOON, 1)
  add(MARS, 2)
  flush()
  const both = ['ipn:3.2525: 1 until 9000', 'ipn:4.2525: 2 until 9000']
  expect(sent).toEqual(both)
  await wait(100)
  expect(sent).toEqual(both)
})

test('as many as a bundle takes do not wait', () => {
  const { sent, add } = stage(1000)
  for (const number of [1, 2, 3, 4]) add(MOON, number)
  expect(sent).toEqual(['ipn:3.2525: 1 2 3 until 9000'])
})
