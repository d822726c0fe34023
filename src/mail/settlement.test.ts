import { expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { relayOf } from './settlement.ts'

test('a mail went to the server that answered, to its next hop where nothing is known, and nowhere where nobody was reached', () => {
  const fault = (code: `${string}/${string}`, detail = {}): Fault =>
    new Fault(code, 'no', { temporary: true, detail })
  const next = 'smtp:b.com'
  expect(relayOf(fault('smtp/refused', { remote: 'mx.b.com[192.0.2.1]:25' }), next)).toEqual({
    relay: 'mx.b.com[192.0.2.1]:25',
  })
  expect(relayOf(fault('smtp/connection-lost'), next)).toEqual({ relay: next })
  expect(relayOf(fault('network/refused'), next)).toEqual({})
  expect(relayOf(fault('dns/failed'), next)).toEqual({})
})
