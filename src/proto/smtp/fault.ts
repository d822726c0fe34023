import { Fault } from '../../base/fault.ts'

export type SmtpFaultCode =
  // What a client said.
  | 'smtp/unknown-command'
  | 'smtp/bad-line'
  | 'smtp/bad-arguments'
  | 'smtp/bad-reverse-path'
  | 'smtp/bad-forward-path'
  | 'smtp/unknown-parameter'
  // How a session of our client ended.
  | 'smtp/refused'
  | 'smtp/no-authentication'
  | 'smtp/authentication-failed'
  | 'smtp/bad-reply'
  | 'smtp/no-tls'
  | 'smtp/tls-failed'
  | 'smtp/timed-out'
  | 'smtp/connection-lost'

export type SmtpFault = Fault<SmtpFaultCode>

/** A permanent one: what a client said stays wrong. */
export function smtpFault(code: SmtpFaultCode, message: string): SmtpFault {
  return new Fault(code, message, { temporary: false })
}
