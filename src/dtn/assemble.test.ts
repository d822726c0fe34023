import { expect, test } from 'vitest'
import { bundleFor } from '../../test/support/bundle-lab.ts'
import { equalBytes } from '../base/bytes.ts'
import { BUNDLE_FLAGS, type Bundle } from '../proto/bpv7/bundle.ts'
import { decodeBundle } from '../proto/bpv7/codec.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { assemble } from './assemble.ts'
import { ADU_FRAGMENTS_MAX } from './limits.ts'

test('as many fragments as are gathered, and those on their way then, are put together, whichever came first', () => {
  const decoded = decodeBundle(bundleFor(ipnEndpoint(2n, 1n)))
  if (!decoded.ok) throw decoded.fault
  const { primary, payload, ...rest } = decoded.value
  const count = ADU_FRAGMENTS_MAX + 1024
  const totalAduLength = BigInt(count)
  const data = Uint8Array.from({ length: count }, (_, i) => i ^ (i >> 8))
  const part = (i: number): Bundle => {
    const fragment = { offset: BigInt(i), totalAduLength }
    const flags = primary.flags | BUNDLE_FLAGS.isFragment
    const own = { ...payload, data: data.subarray(i, i + 1) }
    return { ...rest, primary: { ...primary, flags, fragment }, payload: own }
  }
  // The even ones, and then the odd ones from the last on.
  const half = count / 2
  const parts = Array.from({ length: count }, (_, i) =>
    part(i < half ? 2 * i : 2 * (count - i) - 1),
  )
  const whole = assemble(parts)
  if (!whole.ok) throw whole.fault
  expect(equalBytes(whole.value.payload.data, data)).toBe(true)
})
