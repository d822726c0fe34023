export type CborFaultCode =
  | 'cbor/truncated'
  | 'cbor/unexpected-item'
  | 'cbor/wrong-length'
  | 'cbor/malformed'
  | 'cbor/too-large'
  | 'cbor/too-deep'
  | 'cbor/trailing-bytes'
