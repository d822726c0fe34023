export type DtpcFaultCode =
  | 'dtpc/bad-pdu'
  /** A record, or all that waits, is beyond its bound. */
  | 'dtpc/too-large'
  /** No more streams, or ADUs held for their order, can be remembered. */
  | 'dtpc/full'
