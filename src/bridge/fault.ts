import { Fault } from '../base/fault.ts'

export type BridgeFaultCode =
  | 'bridge/bad-adu'
  | 'bridge/unknown-peer'
  /** A source that has to prove itself did not. */
  | 'bridge/not-proven'
  | 'bridge/too-many-open'
  | 'bridge/lifetime-ended'
  | 'bridge/withdrawn'
  | 'bridge/bad-request'
  /** A policy wants the mail later. */
  | 'bridge/not-now'
  | 'bridge/bundle-lost'
  | 'bridge/no-tls'
  | 'bridge/not-plain'
  | 'bridge/far-side-refused'
  /** A mail that its next hop never carries. */
  | 'bridge/too-large'
  | 'bridge/over-budget'
  | 'bridge/bad-parcel'
  | 'bridge/not-posted'
  /** Of what waits for a carrier. */
  | 'bridge/no-room'
  | 'bridge/held-full'
  /** Of somebody who asks for an attachment. */
  | 'bridge/not-held'

export function badAdu(what: string): Fault<BridgeFaultCode> {
  return new Fault('bridge/bad-adu', `not an ADU of the mail service: ${what}`, {
    temporary: false,
  })
}
