import { Fault } from '../../base/fault.ts'

export type SaslFaultCode =
  /** Not the message that the mechanism defines. */
  | 'sasl/bad-message'
  /** The client asked to act as somebody else. */
  | 'sasl/not-authorized'
  /** The server has not shown that it knows the password, and may be another. */
  | 'sasl/server-not-proven'

export type SaslFault = Fault<SaslFaultCode>

export function saslFault(code: SaslFaultCode, message: string): SaslFault {
  return new Fault(code, message, { temporary: false })
}
