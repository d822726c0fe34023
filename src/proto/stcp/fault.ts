export type StcpFaultCode =
  | 'stcp/bad-frame'
  /** A bundle beyond the limit, promised or to be sent. */
  | 'stcp/too-large'
  /** The connection is gone or going. */
  | 'stcp/closed'
