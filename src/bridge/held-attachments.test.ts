import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { seededRandom } from '../base/random.ts'
import { type MonoMs, wallMs } from '../base/time.ts'
import { labEntropy } from '../lab/entropy.ts'
import { LabStore, type LabStoreOptions } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import { CHUNK_BYTES_MAX } from '../mail/limits.ts'
import type { StoreFaultCode } from '../ports/store.ts'
import { HeldAttachments } from './held-attachments.ts'

const ROUTE = 'bp:ipn:3.2525'
const CONTENT = 'Content-Type: image/png\r\nX-Other: 1\r\n\r\n'
const ANN = { localPart: 'ann', domain: 'b.com', parameters: {} }
const BOB = { localPart: 'bob', domain: 'b.com', parameters: {} }

function stage(bytesMax = 1000, fault: LabStoreOptions['fault'] = () => undefined) {
  const world = new World({ settle: async () => {}, wallAtStart: wallMs(1_800_000_000_000) })
  const store = new LabStore({ fault })
  const ports = { store, clock: world, entropy: labEntropy(seededRandom(1)) }
  const held = new HeldAttachments(ports, bytesMax)
  const again = (): HeldAttachments => new HeldAttachments(ports, bytesMax)
  const keep = async (queueId: string, body: string, keepMs = 1000): Promise<string> => {
    const message = fromLatin1(CONTENT + body)
    const token = held.newToken()
    const part = { token, start: 0, bodyStart: CONTENT.length, end: message.length, notice: 'N' }
    const expiresAt = wallMs(world.wall() + keepMs)
    await held.keep({
      ...{ queueId, route: ROUTE, recipients: [ANN, BOB], fields: { subject: 'S' } },
      from: { reversePath: { localPart: 'u', domain: 'a.com' }, parameters: {} },
      plan: { parts: [part], head: 'H', names: ['ann@b.com', 'bob@b.com'], expiresAt },
      read: (start, end) => [message.subarray(start, end)],
    })
    return token
  }
  const wait = (ms: number): Promise<void> => world.run((world.now() + ms) as MonoMs)
  const handOut = (token: string, recipient: number, askedBy: string): Promise<void> => {
    const found = held.find(token)
    if (found === undefined) throw new Error('not there')
    const queueId = `of ${askedBy}`
    return held.handOut(found, { recipient, queueId, askedBy }, (changes) => store.commit(changes))
  }
  const keys = (): readonly string[] => [...store.keys('bridge-held', {})]
  return { world, store, held, again, keep, wait, handOut, keys }
}

test('what is kept is found by the next run, with its content and the plan of its mail', async () => {
  const { keep, again } = stage()
  const token = await keep('Q1', 'body')
  const next = again()
  await next.open()
  expect(next.bytes).toBe(4)
  const found = next.find(token)
  if (found === undefined) throw new Error('not there')
  expect(found).toMatchObject({ content: 'Content-Type: image/png\r\n', bytes: 4 })
  expect(toLatin1(concat(...next.read(found)))).toBe('body')
  expect(next.planOf('Q1', ROUTE)).toMatchObject({ head: 'H', parts: [{ token, notice: 'N' }] })
  expect(next.find('0'.repeat(32))).toBeUndefined()
})

test('what is over makes room for others, and is no longer found before that', async () => {
  const { keep, wait, held, keys } = stage(10)
  const token = await keep('Q1', '12345678')
  await expect(keep('Q2', '123')).rejects.toMatchObject({
    code: 'bridge/held-full',
    temporary: true,
  })
  await expect(keep('Q2', '12345678901')).rejects.toMatchObject({ code: 'bridge/too-large' })
  await held.crossed('Q1', ROUTE)
  await wait(1000)
  expect(held.find(token)).toBeUndefined()
  await keep('Q2', '123')
  expect(held.bytes).toBe(3)
  expect(keys().filter((key) => key.includes(token) && !key.startsWith('p/'))).toEqual([])
})

test('what all recipients have been given is over, what one of them has not is not', async () => {
  const { keep, held, handOut, again } = stage()
  const token = await keep('Q1', 'body')
  await held.crossed('Q1', ROUTE)
  await handOut(token, 0, 'A1')
  expect([0, 1].map((one) => held.wasHandedOut(token, one))).toEqual([true, false])
  expect(held.wasAnswered('A1', token)).toBe(true)
  const next = again()
  await next.open()
  expect(next.find(token)).toBeDefined()
  await handOut(token, 1, 'A2')
  const last = again()
  await last.open()
  expect(last.find(token)).toBeUndefined()
  // Whoever has been answered is still known, until the mail that asked has gone.
  expect(last.wasAnswered('A2', token)).toBe(true)
})

test('what two recipients are given at the same moment is over', async () => {
  const { keep, held, handOut, keys } = stage(10)
  const token = await keep('Q1', '12345678')
  await held.crossed('Q1', ROUTE)
  await Promise.all([handOut(token, 0, 'A1'), handOut(token, 1, 'A2')])
  await keep('Q2', '12345678')
  expect(keys().filter((key) => key.includes(token) && !/^[pa]/.test(key))).toEqual([])
})

test('what could not be kept whole leaves nothing on the disk', async () => {
  let commits = 0
  const full = new Fault<StoreFaultCode>('store/full', 'full', { temporary: true })
  const { keep, held, keys } = stage(1_000_000, () => (++commits === 2 ? full : undefined))
  await expect(keep('Q1', 'x'.repeat(CHUNK_BYTES_MAX + 1))).rejects.toBe(full)
  expect(held.bytes).toBe(0)
  expect(keys()).toEqual([])
})

test('of two that hand the same out at once one waits', async () => {
  const { keep, handOut } = stage()
  const token = await keep('Q1', 'body')
  const both = await Promise.allSettled([handOut(token, 0, 'A1'), handOut(token, 0, 'A2')])
  expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
})

test('a mail that never crossed leaves nothing behind, one that did leaves its attachments', async () => {
  const { keep, held, store, again, handOut, keys } = stage()
  const lost = await keep('Q1', 'body')
  const kept = await keep('Q2', 'body')
  await held.crossed('Q2', ROUTE)
  await handOut(kept, 0, 'A1')
  for (const mail of ['Q1', 'Q2', 'A1', 'of A1']) await store.commit(held.removal(mail))
  const next = again()
  await next.open()
  expect(next.find(lost)).toBeUndefined()
  expect(next.find(kept)).toBeDefined()
  expect(next.bytes).toBe(4)
  expect(keys().map(([kind]) => kind)).toEqual(['b', 'f', 'r', 'x'])
})

test('what a crash left half written is cleared away', async () => {
  const { store, keep, again, keys } = stage()
  const token = await keep('Q1', 'body')
  const orphan = { table: 'bridge-held', key: 'b/feed/00000000', value: fromLatin1('x') }
  await store.commit([orphan])
  const next = again()
  await next.open()
  expect(keys().filter((key) => key.startsWith('b/'))).toEqual([`b/${token}/00000000`])
})

test('an attachment that goes while it is read is not handed out in part', async () => {
  const { store, keep, held } = stage()
  const found = held.find(await keep('Q1', 'body'))
  if (found === undefined) throw new Error('not there')
  const key = `b/${found.token}/00000000`
  await store.commit([{ table: 'bridge-held', key, value: undefined }])
  expect(() => [...held.read(found)]).toThrow('no longer here')
})
