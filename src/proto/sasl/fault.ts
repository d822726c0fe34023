import { Fault } from '../../base/fault.ts'

export type SaslFaultCode =
  /** Not the message that the mechanism defines. */
  | 'sasl/bad-message'
  /** The client asked to act as somebody else. */
  | 'sasl/not-authorized'

export type SaslFault = Fault<SaslFaultCode>

export function saslFault(code: SaslFaultCode, message: string): SaslFault {
  return new Fault(code, message, { temporary: false })
}
