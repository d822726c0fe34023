export type BridgeFaultCode =
  | 'bridge/bad-adu'
  | 'bridge/unknown-peer'
  | 'bridge/too-many-open'
  | 'bridge/lifetime-ended'
  | 'bridge/withdrawn'
  | 'bridge/bad-request'
  | 'bridge/bundle-lost'
  | 'bridge/far-side-refused'
