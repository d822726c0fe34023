import { Fault } from '../base/fault.ts'
import type { NetworkFaultCode } from '../ports/network.ts'
import { errnoOf } from './errno.ts'

const CODES: Readonly<Record<string, NetworkFaultCode>> = {
  EADDRINUSE: 'network/address-in-use',
  EADDRNOTAVAIL: 'network/address-unavailable',
  EACCES: 'network/permission-denied',
  EPERM: 'network/permission-denied',
  ECONNREFUSED: 'network/refused',
  // Of a local socket: nobody listens there.
  ENOENT: 'network/refused',
  ENETUNREACH: 'network/unreachable',
  EHOSTUNREACH: 'network/unreachable',
  ENETDOWN: 'network/unreachable',
  EHOSTDOWN: 'network/unreachable',
  ETIMEDOUT: 'network/timed-out',
  ECONNRESET: 'network/reset',
  ECONNABORTED: 'network/reset',
  EPIPE: 'network/reset',
  EMSGSIZE: 'network/datagram-too-large',
}

/** Trying again does not help against these: the configuration or the caller has to change. */
const PERMANENT: readonly NetworkFaultCode[] = [
  'network/address-in-use',
  'network/address-unavailable',
  'network/permission-denied',
  'network/datagram-too-large',
]

/** `otherwise` is the code for system errors that the table does not know. */
export function networkFault(error: unknown, otherwise: NetworkFaultCode): Fault<NetworkFaultCode> {
  const errno = errnoOf(error)
  const code = CODES[errno] ?? otherwise
  const message = (error as Error).message
  return new Fault(code, message, {
    temporary: !PERMANENT.includes(code),
    detail: { errno },
    cause: error,
  })
}
