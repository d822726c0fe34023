import { Fault } from '../../base/fault.ts'
import type { Reply } from '../../proto/smtp/reply.ts'
import { isTemporary } from '../../proto/smtp/reply.ts'

export type TransportFaultCode =
  /** The server, or the operator by a route `error`, said no. */
  | 'transport/refused'
  /** No server can be found, or the one found takes no mail. */
  | 'transport/no-server'
  /** TLS has to be, and with a server that is one of the domain's. */
  | 'transport/unprotected'
  /** The way leads back to this host. */
  | 'transport/loop'
  | 'transport/stopped'

/** `status`: the enhanced status code for a report, as the detail of that name. RFC 3463 §2. */
export function transportFault(
  code: TransportFaultCode,
  message: string,
  status: string,
): Fault<TransportFaultCode> {
  return new Fault(code, message, { temporary: status.startsWith('4'), detail: { status } })
}

/** `by` is the server, for the log and the report. */
export function refusalOf(reply: Reply, by: string): Fault<TransportFaultCode> {
  const { code, enhanced, lines } = reply
  const words = [code, enhanced, ...lines].filter((part) => part !== undefined).join(' ')
  const status = enhanced ?? (isTemporary(reply) ? '4.0.0' : '5.0.0')
  return new Fault('transport/refused', `${by} said: ${words}`, {
    temporary: isTemporary(reply),
    detail: { status, reply: words, remote: by },
  })
}
