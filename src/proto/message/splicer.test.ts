import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { type Splice, Splicer } from './splicer.ts'

function spliced(message: Uint8Array, splices: readonly Splice[], chunk: number): Uint8Array {
  const splicer = new Splicer(splices)
  const pieces: Uint8Array[] = []
  for (let at = 0; at < message.length; at += chunk) {
    pieces.push(splicer.push(message.subarray(at, at + chunk)))
  }
  return concat(...pieces)
}

const splice = (start: number, end: number, text: string): Splice => ({
  ...{ start, end, bytes: fromLatin1(text) },
})

test('octets are put in the place of others, and above all of them', () => {
  const message = fromLatin1('0123456789')
  const splices = [splice(0, 0, 'head '), splice(2, 5, '-'), splice(5, 6, ''), splice(9, 10, 'END')]
  expect(toLatin1(spliced(message, splices, 10))).toBe('head 01-678END')
  expect(Splicer.sizeAfter(10, splices)).toBe(14)
})

/** Splices in order, none beyond the message. */
const messages = fc
  .record({
    message: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    places: fc.uniqueArray(fc.nat(199), { maxLength: 10 }),
    texts: fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 5, maxLength: 5 }),
  })
  .map(({ message, places, texts }) => {
    const sorted = places.filter((place) => place < message.length).sort((a, b) => a - b)
    const splices: Splice[] = []
    for (let i = 0; i + 1 < sorted.length; i += 2) {
      const [start = 0, end = 0, bytes = new Uint8Array(0)] = [
        sorted[i],
        sorted[i + 1],
        texts[i / 2],
      ]
      splices.push({ start, end, bytes })
    }
    return { message, splices }
  })

test('property: however the message is cut, what comes out is the same, and as long as was said', () => {
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 50 }), ({ message, splices }, chunk) => {
      const whole = spliced(message, splices, message.length)
      expect(spliced(message, splices, chunk)).toEqual(whole)
      expect(whole.length).toBe(Splicer.sizeAfter(message.length, splices))
    }),
  )
})

test('property: without splices a message stays as it is, and what was put in can be taken out', () => {
  fc.assert(
    fc.property(messages, ({ message, splices }) => {
      expect(spliced(message, [], 7)).toEqual(message)
      let shift = 0
      const back = splices.map(({ start, end, bytes }) => {
        const at = start + shift
        shift += bytes.length - (end - start)
        return { start: at, end: at + bytes.length, bytes: message.subarray(start, end) }
      })
      const there = spliced(message, splices, message.length)
      // What was taken out at the very end has no octet left to stand in front of.
      fc.pre(back.every(({ start }) => start < there.length))
      expect(spliced(there, back, there.length)).toEqual(message)
    }),
  )
})
