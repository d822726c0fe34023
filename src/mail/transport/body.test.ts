import { expect, test } from 'vitest'
import { fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { Body } from './body.ts'
import { BODY_BYTES_HELD_MAX } from './limits.ts'

const settled = async (promise: Promise<unknown>): Promise<boolean> => {
  let is = false
  void promise.finally(() => {
    is = true
  })
  for (let i = 0; i < 10; i++) await Promise.resolve()
  return is
}

test('what is written is read, to its end', async () => {
  const body = new Body()
  await body.write(fromLatin1('one'))
  expect(body.hasBegun).toBe(false)
  const next = body.next()
  expect(toLatin1((await next) ?? fromLatin1(''))).toBe('one')
  expect(body.hasBegun).toBe(true)
  const waiting = body.next()
  body.end()
  expect(await waiting).toBeUndefined()
})

test('its end is known with the last piece of one that is complete, and not before', async () => {
  const body = new Body()
  await body.write(fromLatin1('one'))
  await body.write(fromLatin1('two'))
  await body.next()
  body.end()
  expect(body.isOver).toBe(false)
  await body.next()
  expect(body.isOver).toBe(true)
})

test('no more than so much is held for a server that is slow', async () => {
  const body = new Body()
  await body.write(new Uint8Array(BODY_BYTES_HELD_MAX))
  const waiting = body.write(fromLatin1('x'))
  expect(await settled(waiting)).toBe(false)
  await body.next()
  expect(await settled(waiting)).toBe(true)
})

test('one that nobody wants any more, or will complete, holds nobody up', async () => {
  const body = new Body()
  await body.write(new Uint8Array(BODY_BYTES_HELD_MAX))
  const writing = body.write(fromLatin1('x'))
  body.close()
  await writing
  await body.write(new Uint8Array(BODY_BYTES_HELD_MAX * 2))
  await expect(body.next()).rejects.toMatchObject({ code: 'transport/stopped', temporary: true })
})
