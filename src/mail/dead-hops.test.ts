import { expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { addMs, monoMs } from '../base/time.ts'
import { DeadHops } from './dead-hops.ts'
import { DEAD_HOPS_MAX, DEAD_MS } from './limits.ts'

const NOW = monoMs(1000)
const unreachable = new Fault('network/unreachable', 'nobody there', { temporary: true })
const refused = new Fault('transport/refused', 'not you', { temporary: true })

test('a next hop that did not answer is dead for a while, one that refused a mail is not', () => {
  const hops = new DeadHops()
  hops.note('a', unreachable, NOW)
  hops.note('b', refused, NOW)
  expect(hops.faultOf('a', addMs(NOW, DEAD_MS - 1))).toBe(unreachable)
  expect(hops.faultOf('a', addMs(NOW, DEAD_MS))).toBeUndefined()
  expect(hops.faultOf('b', NOW)).toBeUndefined()
})

test('one that has answered since, or of which somebody knows better, is dead no more', () => {
  const hops = new DeadHops()
  for (const hop of ['a', 'b', 'c']) hops.note(hop, unreachable, NOW)
  hops.note('a', undefined, NOW)
  hops.note('b', refused, NOW)
  hops.forget('c')
  expect(['a', 'b', 'c'].map((hop) => hops.faultOf(hop, NOW))).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})

test('only so many are remembered, the latest', () => {
  const hops = new DeadHops()
  for (let i = 0; i <= DEAD_HOPS_MAX; i++) hops.note(`hop ${i}`, unreachable, NOW)
  expect(hops.faultOf('hop 0', NOW)).toBeUndefined()
  expect(hops.faultOf('hop 1', NOW)).toBe(unreachable)
  expect(hops.faultOf(`hop ${DEAD_HOPS_MAX}`, NOW)).toBe(unreachable)
})
