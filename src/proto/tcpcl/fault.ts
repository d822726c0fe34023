export type TcpclFaultCode =
  /** The other side does not speak TCPCL. */
  | 'tcpcl/bad-magic'
  | 'tcpcl/unsupported-version'
  | 'tcpcl/unknown-message'
  | 'tcpcl/bad-node-id'
  | 'tcpcl/bad-extension'
  /** Something beyond its limit: ours, or the one that the peer has named. */
  | 'tcpcl/too-large'
  /** A message that makes no sense where it came. */
  | 'tcpcl/unexpected-message'
  /** What the peer offers cannot be worked with. */
  | 'tcpcl/unacceptable'
  /** The peer has answered one of our messages with MSG_REJECT. */
  | 'tcpcl/rejected'
  | 'tcpcl/refused-for-now'
  | 'tcpcl/not-acceptable'
  | 'tcpcl/timed-out'
  | 'tcpcl/terminated'
  | 'tcpcl/connection-lost'
