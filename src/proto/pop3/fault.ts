export type Pop3FaultCode =
  | 'pop3/unknown-command'
  | 'pop3/bad-syntax'
  | 'pop3/line-too-long'
  /** The other side is no POP3 server. */
  | 'pop3/bad-response'
  /** Of the client: the server said -ERR to the login, or to what cannot be done without. */
  | 'pop3/refused'
  | 'pop3/timed-out'
  | 'pop3/closed'
