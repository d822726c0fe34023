import { expect, test } from 'vitest'
import { fromLatin1 } from '../../base/bytes.ts'
import { isTlsOptional } from './tls-optional.ts'

test.each([
  [['TLS-Required: No\r\n\r\nbody'], true],
  // As where this host has put something above what it took.
  [['Authentication-Results: here;\r\n none\r\n', 'tls-required:\r\n no \r\n', '\r\n'], true],
  [['TLS-Required: Yes\r\n\r\n'], false],
  [['Subject: x\r\n\r\nTLS-Required: No\r\n'], false],
  [[], false],
])('%j says that TLS may be done without: %j', (pieces, said) => {
  expect(isTlsOptional(pieces.map(fromLatin1))).toBe(said)
})
