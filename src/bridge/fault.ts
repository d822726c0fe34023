export type BridgeFaultCode =
  | 'bridge/bad-adu'
  | 'bridge/unknown-peer'
  | 'bridge/too-many-open'
  | 'bridge/lifetime-ended'
  | 'bridge/withdrawn'
  | 'bridge/bad-request'
  /** A policy wants the mail later. */
  | 'bridge/not-now'
  | 'bridge/bundle-lost'
  | 'bridge/no-tls'
  | 'bridge/far-side-refused'
