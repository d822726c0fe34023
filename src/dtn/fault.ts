import { Fault } from '../base/fault.ts'

export type DtnFaultCode =
  | 'dtn/store-full'
  | 'dtn/store-busy'
  | 'dtn/too-many-waiting'
  | 'dtn/duplicate'
  | 'dtn/no-destination'
  | 'dtn/expired'
  | 'dtn/bad-fragment'
  | 'dtn/adu-too-large'
  | 'dtn/duct-busy'
  | 'dtn/too-many-sessions'
  | 'dtn/too-much-received'
  | 'dtn/bad-duct'
  | 'dtn/unknown-protocol'
  | 'dtn/no-plan'
  | 'dtn/unreachable'
  | 'dtn/stopped'
  | 'dtn/damaged'
  | 'dtn/not-forwardable'
  | 'dtn/occupied'
  | 'dtn/not-ours'
  | 'dtn/unacceptable'

/** Worth trying again later. */
export function temporary(code: DtnFaultCode, message: string): Fault<DtnFaultCode> {
  return new Fault(code, message, { temporary: true })
}

/** What an application asked for cannot be done. */
export function unacceptable(message: string): Fault<DtnFaultCode> {
  return new Fault('dtn/unacceptable', message, { temporary: false })
}
