import { Fault } from '../../base/fault.ts'
import type { MailboxFaultCode } from './mailbox.ts'

export function mailboxFault(code: MailboxFaultCode, message: string): Fault<MailboxFaultCode> {
  // Room may be made; nothing else becomes right by itself.
  return new Fault(code, message, { temporary: code === 'mailbox/over-quota' })
}
