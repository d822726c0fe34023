import { Fault } from '../../base/fault.ts'

/** Beside these, whatever reads a bundle may report a `CborFaultCode`. */
export type Bpv7FaultCode =
  | 'bpv7/bad-version'
  | 'bpv7/bad-crc'
  | 'bpv7/bad-crc-type'
  | 'bpv7/missing-crc'
  | 'bpv7/bad-endpoint'
  | 'bpv7/bad-flags'
  | 'bpv7/bad-structure'
  | 'bpv7/bad-extension'
  | 'bpv7/bad-fragment'
  | 'bpv7/bad-record'
  | 'bpv7/too-many-blocks'
  | 'bpv7/must-not-fragment'
  | 'bpv7/no-room'
  | 'bpv7/too-many-fragments'
  | 'bpv7/adu-too-large'

/** No bundle becomes right by waiting. */
export function fault(code: Bpv7FaultCode, message: string): Fault<Bpv7FaultCode> {
  return new Fault(code, message, { temporary: false })
}
