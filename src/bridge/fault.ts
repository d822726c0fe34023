export type BridgeFaultCode =
  | 'bridge/bad-adu'
  | 'bridge/bad-batch'
  | 'bridge/too-many-open'
  | 'bridge/lifetime-ended'
  | 'bridge/far-side-refused'
