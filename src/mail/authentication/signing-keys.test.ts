import { describe, expect, it } from 'vitest'
import { wallMs } from '../../base/time.ts'
import type { DatedSigningKey } from '../../ports/mail-authentication.ts'
import { SigningKeys } from './signing-keys.ts'

function key(selector: string, from: number, more: Partial<DatedSigningKey> = {}): DatedSigningKey {
  return {
    ...{ domain: 'a.com', selector, algorithm: 'rsa', privateKey: '', from: wallMs(from) },
    ...more,
  }
}

function selectors(
  keys: readonly DatedSigningKey[],
  domain: string,
  now: number,
): readonly string[] {
  const signing = new SigningKeys()
  signing.replace(keys)
  return signing.of(domain, wallMs(now)).map(({ selector }) => selector)
}

describe('the keys of a domain', () => {
  it('sign from their time until they are retired', () => {
    const keys = [key('s1', 100, { until: wallMs(200) })]
    expect([99, 100, 199, 200].map((now) => selectors(keys, 'a.com', now).length)).toEqual([
      0, 1, 1, 0,
    ])
  })

  it('take over from each other, the newest of each algorithm', () => {
    const keys = [
      key('s2', 200),
      key('s1', 100),
      key('e1', 100, { algorithm: 'ed25519' }),
      key('b1', 100, { domain: 'b.com' }),
    ]
    expect(selectors(keys, 'A.com', 150)).toEqual(['s1', 'e1'])
    expect(selectors(keys, 'a.com', 200)).toEqual(['s2', 'e1'])
  })

  it('sign for the names below it that have none of their own', () => {
    const keys = [key('s1', 0), key('x1', 0, { domain: 'x.a.com' })]
    expect(selectors(keys, 'y.a.com', 1)).toEqual(['s1'])
    expect(selectors(keys, 'z.x.a.com', 1)).toEqual(['x1'])
    expect(selectors(keys, 'ba.com', 1)).toEqual([])
    expect(selectors(keys, 'com', 1)).toEqual([])
  })
})
