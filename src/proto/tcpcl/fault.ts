import { Fault } from '../../base/fault.ts'
import { REFUSE_REASONS, TERM_REASONS } from './message.ts'

export type TcpclFaultCode =
  /** The other side does not speak TCPCL. */
  | 'tcpcl/bad-magic'
  | 'tcpcl/unsupported-version'
  | 'tcpcl/unknown-message'
  | 'tcpcl/bad-node-id'
  | 'tcpcl/bad-extension'
  /** A transfer that is longer or shorter than its Transfer Length. */
  | 'tcpcl/bad-length'
  /** Something beyond its limit: ours, or the one that the peer has named. */
  | 'tcpcl/too-large'
  /** A message that makes no sense where it came. */
  | 'tcpcl/unexpected-message'
  /** What the peer offers cannot be worked with. */
  | 'tcpcl/unacceptable'
  /** The peer cannot do TLS, and there is no session without. */
  | 'tcpcl/tls-required'
  | 'tcpcl/tls-failed'
  /** The certificate of the peer does not show what it has to. */
  | 'tcpcl/not-authenticated'
  /** The peer has answered one of our messages with MSG_REJECT. */
  | 'tcpcl/rejected'
  | 'tcpcl/refused-for-now'
  | 'tcpcl/not-acceptable'
  | 'tcpcl/timed-out'
  | 'tcpcl/terminated'
  | 'tcpcl/connection-lost'

export function fault(
  code: TcpclFaultCode,
  message: string,
  temporary: boolean,
): Fault<TcpclFaultCode> {
  return new Fault(code, message, { temporary })
}

/** What a XFER_REFUSE means for the bundle. RFC 9174 §5.2.4. */
export function refusedBy(reason: number): Fault<TcpclFaultCode> {
  return reason === REFUSE_REASONS.notAcceptable
    ? fault('tcpcl/not-acceptable', 'the peer does not accept this bundle', false)
    : fault(
        'tcpcl/refused-for-now',
        `the peer refused it: ${wordFor(reason, REFUSE_REASONS)}`,
        true,
      )
}

/** What happens to bundles in the middle of it. */
export function terminated(cause?: Fault): Fault<TcpclFaultCode> {
  const message = cause === undefined ? 'the session is being terminated' : cause.message
  return new Fault('tcpcl/terminated', message, { temporary: true, cause })
}

/** `noResources` as `no resources`; of what is not in the registry, `unknown`. */
export function wordFor(
  code: number,
  registry: Readonly<Record<string, number>> = TERM_REASONS,
): string {
  const word = Object.entries(registry).find(([, value]) => value === code)?.[0] ?? 'unknown'
  return word.replace(/[A-Z]/g, (capital) => ` ${capital.toLowerCase()}`)
}
