import fc from 'fast-check'
import { expect, it } from 'vitest'
import { FINGERPRINT_BYTES_MAX } from './limits.ts'
import { fingerprint, fold, mayContain } from './message-text.ts'

const text = fc.string({ unit: 'grapheme', maxLength: 300 }).map(fold)

it('rules out no text that is there', () => {
  fc.assert(
    fc.property(text, text, text, text, (header, before, wanted, after) => {
      const print = fingerprint({ header, body: `${before}${wanted}${after}` })
      return mayContain(print, wanted) && mayContain(print, header)
    }),
  )
})

it('rules out most texts that are not there', () => {
  const words = Array.from({ length: 2000 }, (_, i) => `word${i * 7919}`)
  const print = fingerprint({ header: 'subject: of words', body: words.join(' ') })
  const absent = Array.from({ length: 1000 }, (_, i) => `nix${i * 7907}xin`)
  expect(absent.filter((one) => mayContain(print, one)).length).toBeLessThan(10)
  expect(print.length).toBeLessThan(FINGERPRINT_BYTES_MAX)
})

it('rules nothing out where a text has more than there is room for', () => {
  let body = ''
  for (let i = 0; i < 3 * FINGERPRINT_BYTES_MAX; i++)
    body += String.fromCharCode((i * 7919) % 0xd000)
  const print = fingerprint({ header: '', body })
  expect(print.length).toBe(0)
  expect(mayContain(print, 'anything')).toBe(true)
})
