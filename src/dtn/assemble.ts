/** What is delivered, from what is stored. RFC 9171 §5.7, §5.9. */

import { Fault, type Result } from '../base/fault.ts'
import type { Bundle } from '../proto/bpv7/bundle.ts'
import { Reassembly } from '../proto/bpv7/fragmentation.ts'
import type { DtnFaultCode } from './fault.ts'

/** The bundle of which `parts` are the whole or all fragments; undefined stands for a damaged one. */
export function assemble(parts: readonly (Bundle | undefined)[]): Result<Bundle> {
  const known: Bundle[] = []
  for (const part of parts) {
    if (part === undefined) break
    if (part.primary.fragment === undefined) return { ok: true, value: part }
    known.push(part)
  }
  // In order each is put behind the others, and brings one piece more: how many may be gathered was judged when they came.
  const offsetOf = ({ primary }: Bundle): number => Number(primary.fragment?.offset ?? 0n)
  let reassembly: Reassembly | undefined
  for (const part of known.sort((a, b) => offsetOf(a) - offsetOf(b))) {
    reassembly ??= new Reassembly(part, known.length)
    const whole = reassembly.add(part)
    if (!whole.ok) return whole
    if (whole.value !== undefined) return { ok: true, value: whole.value }
  }
  const code: DtnFaultCode = 'dtn/damaged'
  return { ok: false, fault: new Fault(code, 'damaged in the store', { temporary: false }) }
}
