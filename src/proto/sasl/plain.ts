/** The one message of PLAIN: authorization identity, NUL, authentication identity, NUL, password. RFC 4616 §2. */

import { fromUtf8, toUtf8Strict } from '../../base/bytes.ts'
import { attempt, type Result } from '../../base/fault.ts'
import { type SaslFaultCode, saslFault } from './fault.ts'
import type { Credentials } from './mechanism.ts'

/** Of each part, in octets; what everybody must accept, and nobody has more. RFC 4616 §2. */
export const PART_MAX = 255

/** Without an authorization identity: the server derives it from the user. */
export function encodePlain(credentials: Credentials): Uint8Array {
  return fromUtf8(`\0${credentials.user}\0${credentials.password}`)
}

/** `sasl/not-authorized` where the client wants to act as another than it authenticates as. */
export function decodePlain(message: Uint8Array): Result<Credentials, SaslFaultCode> {
  return attempt(() => readPlain(message)) as Result<Credentials, SaslFaultCode>
}

function readPlain(message: Uint8Array): Credentials {
  const parts = toUtf8Strict(message)?.split('\0') ?? []
  const [authorization = '', user = '', password = ''] = parts
  if (parts.length !== 3 || user === '' || password === '') {
    throw saslFault('sasl/bad-message', 'not a PLAIN message')
  }
  if (parts.some((part) => fromUtf8(part).length > PART_MAX)) {
    throw saslFault('sasl/bad-message', 'identity or password too long')
  }
  if (authorization !== '' && authorization !== user) {
    throw saslFault('sasl/not-authorized', 'acting as another is not supported')
  }
  return { user, password }
}
