import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteList } from './byte-list.ts'
import { concat } from './bytes.ts'

test('a single piece leaves as it came, without a copy', () => {
  const list = new ByteList()
  const piece = new Uint8Array(4096)
  list.append(piece)
  expect(list.takeAll().buffer).toBe(piece.buffer)
  expect(list.length).toBe(0)
})

test('keeps no buffer that is much larger than what is held', () => {
  const list = new ByteList()
  const large = new Uint8Array(65_536)
  list.append(large.subarray(0, 1000))
  expect(list.takeAll().buffer.byteLength).toBeLessThan(2048)
})

test('what was cleared is gone', () => {
  const list = new ByteList()
  list.append(new Uint8Array(1000))
  list.append(new Uint8Array(10))
  list.clear()
  expect(list.length).toBe(0)
  expect(list.takeAll()).toHaveLength(0)
})

test('property: what goes in comes out, in whatever pieces', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 20 })
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(3000)), (parts, counts) => {
      const list = new ByteList()
      const out: Uint8Array[] = []
      for (const [i, part] of parts.entries()) {
        list.append(part.slice())
        out.push(list.take(counts[i] ?? 0))
      }
      const before = concat(...out).length
      expect(list.length).toBe(concat(...parts).length - before)
      out.push(list.takeAll())
      expect(concat(...out)).toEqual(concat(...parts))
    }),
  )
})
