/** The handshake's messages that both ends and any onlooker read: RFC 8446 §4, RFC 5246 §7.4. */

import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../base/bytes.ts'

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** Their numbers on the wire; in a hello TLS 1.3 says 1.2 in the old place. RFC 8446 §4.1.2. */
const VERSIONS: Readonly<Record<TlsVersion, number>> = { 'TLSv1.2': 0x0303, 'TLSv1.3': 0x0304 }

export const MESSAGES = {
  clientHello: 1,
  serverHello: 2,
  newSessionTicket: 4,
  encryptedExtensions: 8,
  certificate: 11,
  serverKeyExchange: 12,
  certificateRequest: 13,
  serverHelloDone: 14,
  certificateVerify: 15,
  clientKeyExchange: 16,
  finished: 20,
} as const

/** RFC 8446 §4.2, RFC 5077 §3.2, RFC 7366, RFC 7627, RFC 5746. */
const EXTENSIONS = {
  serverName: 0,
  supportedGroups: 10,
  pointFormats: 11,
  signatureAlgorithms: 13,
  alpn: 16,
  encryptThenMac: 22,
  extendedMasterSecret: 23,
  sessionTicket: 35,
  preSharedKey: 41,
  supportedVersions: 43,
  pskModes: 45,
  keyShare: 51,
  renegotiation: 0xff01,
} as const

const X25519 = 0x001d
const ECDSA_P256_SHA256 = 0x0403
const CIPHER_SUITES: Readonly<Record<TlsVersion, number>> = {
  'TLSv1.2': 0xc02c,
  'TLSv1.3': 0x1302,
}
/** What OpenSSL offers. */
const OFFERED_SUITES = [
  0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x009e,
  0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009, 0xc013, 0x0033,
  0x00ff,
]
const OFFERED_GROUPS = [X25519, 0x0017, 0x001e, 0x0019, 0x0018]
const SIGNATURES = [
  ECDSA_P256_SHA256,
  0x0503,
  0x0603,
  0x0807,
  0x0808,
  0x0804,
  0x0805,
  0x0806,
  0x0401,
  0x0501,
  0x0601,
]

/** Of keys, signatures and digests there is nothing but the size. */
const KEY_BYTES = 32
const SIGNATURE_BYTES = 71
const BINDER_BYTES = 48
const FINISHED_BYTES: Readonly<Record<TlsVersion, number>> = { 'TLSv1.2': 12, 'TLSv1.3': 48 }
const TICKET_LIFETIME_SEC = 7200

export interface ClientHello {
  readonly random: Uint8Array
  readonly sessionId: Uint8Array
  readonly serverName: string | undefined
  readonly alpn: readonly string[]
  readonly versions: readonly TlsVersion[]
  /** Of a session that is to go on. */
  readonly ticket: Uint8Array | undefined
}

export interface ServerHello {
  readonly version: TlsVersion
  readonly random: Uint8Array
  /** In TLS 1.2 that of the client says that its session goes on. RFC 5077 §3.4. */
  readonly sessionId: Uint8Array
  /** Of TLS 1.3; so it is in TLS 1.2 by `sessionId`. */
  readonly isResumed: boolean
  /** Of TLS 1.2 only. */
  readonly alpn: string | undefined
}

export function encodeMessage(type: number, ...body: readonly Uint8Array[]): Uint8Array {
  return concat(Uint8Array.of(type), vector(3, ...body))
}

export function encodeClientHello(hello: ClientHello): Uint8Array {
  const { random, sessionId, serverName, alpn, versions, ticket } = hello
  const has13 = versions.includes('TLSv1.3')
  const extensions = [
    ...(serverName === undefined
      ? []
      : [
          extension(
            EXTENSIONS.serverName,
            vector(2, Uint8Array.of(0), vector(2, fromLatin1(serverName))),
          ),
        ]),
    extension(EXTENSIONS.pointFormats, vector(1, Uint8Array.of(0, 1, 2))),
    extension(EXTENSIONS.supportedGroups, vector(2, u16(...OFFERED_GROUPS))),
    extension(EXTENSIONS.sessionTicket, (!has13 && ticket) || NO_BYTES),
    ...(alpn.length === 0 ? [] : [alpnExtension(alpn)]),
    extension(EXTENSIONS.encryptThenMac),
    extension(EXTENSIONS.extendedMasterSecret),
    extension(EXTENSIONS.signatureAlgorithms, vector(2, u16(...SIGNATURES))),
    ...(has13 ? offersOf13(versions, ticket) : []),
  ]
  return encodeMessage(
    MESSAGES.clientHello,
    u16(VERSIONS['TLSv1.2']),
    random,
    vector(1, sessionId),
    vector(2, u16(...(has13 ? OFFERED_SUITES : OFFERED_SUITES.slice(3)))),
    vector(1, Uint8Array.of(0)),
    vector(2, ...extensions),
  )
}

function offersOf13(
  versions: readonly TlsVersion[],
  ticket: Uint8Array | undefined,
): readonly Uint8Array[] {
  return [
    extension(
      EXTENSIONS.supportedVersions,
      vector(1, u16(...versions.map((version) => VERSIONS[version]))),
    ),
    extension(EXTENSIONS.pskModes, vector(1, Uint8Array.of(1))),
    extension(EXTENSIONS.keyShare, vector(2, u16(X25519), vector(2, new Uint8Array(KEY_BYTES)))),
    // The last of all. RFC 8446 §4.2.11.
    ...(ticket === undefined
      ? []
      : [
          extension(
            EXTENSIONS.preSharedKey,
            vector(2, vector(2, ticket), new Uint8Array(4)),
            vector(2, vector(1, new Uint8Array(BINDER_BYTES))),
          ),
        ]),
  ]
}

export function encodeServerHello(hello: ServerHello): Uint8Array {
  const { version, random, sessionId, isResumed, alpn } = hello
  const extensions =
    version === 'TLSv1.3'
      ? [
          ...(isResumed ? [extension(EXTENSIONS.preSharedKey, u16(0))] : []),
          extension(EXTENSIONS.supportedVersions, u16(VERSIONS[version])),
          extension(EXTENSIONS.keyShare, u16(X25519), vector(2, new Uint8Array(KEY_BYTES))),
        ]
      : [
          extension(EXTENSIONS.renegotiation, Uint8Array.of(0)),
          extension(EXTENSIONS.pointFormats, vector(1, Uint8Array.of(0, 1, 2))),
          ...(isResumed ? [] : [extension(EXTENSIONS.sessionTicket)]),
          extension(EXTENSIONS.extendedMasterSecret),
          ...(alpn === undefined ? [] : [alpnExtension([alpn])]),
        ]
  return encodeMessage(
    MESSAGES.serverHello,
    u16(VERSIONS['TLSv1.2']),
    random,
    vector(1, sessionId),
    u16(CIPHER_SUITES[version]),
    Uint8Array.of(0),
    vector(2, ...extensions),
  )
}

export function encodeEncryptedExtensions(alpn: string | undefined): Uint8Array {
  const extensions = alpn === undefined ? [] : [alpnExtension([alpn])]
  return encodeMessage(MESSAGES.encryptedExtensions, vector(2, ...extensions))
}

/** Empty where there is none to show. */
export function encodeCertificates(
  version: TlsVersion,
  certificate: Uint8Array | undefined,
): Uint8Array {
  if (version === 'TLSv1.2') {
    const list = certificate === undefined ? [] : [vector(3, certificate)]
    return encodeMessage(MESSAGES.certificate, vector(3, ...list))
  }
  const list = certificate === undefined ? [] : [vector(3, certificate), vector(2)]
  return encodeMessage(MESSAGES.certificate, vector(1), vector(3, ...list))
}

export function encodeCertificateRequest(version: TlsVersion): Uint8Array {
  const signatures = vector(2, u16(...SIGNATURES))
  return version === 'TLSv1.3'
    ? encodeMessage(
        MESSAGES.certificateRequest,
        vector(1),
        vector(2, extension(EXTENSIONS.signatureAlgorithms, signatures)),
      )
    : encodeMessage(
        MESSAGES.certificateRequest,
        vector(1, Uint8Array.of(1, 64)),
        signatures,
        vector(2),
      )
}

export function encodeCertificateVerify(): Uint8Array {
  return encodeMessage(MESSAGES.certificateVerify, signature())
}

/** The curve, the key, and a signature over them. RFC 8422 §5.4. */
export function encodeServerKeyExchange(): Uint8Array {
  const parameters = concat(Uint8Array.of(3), u16(X25519), vector(1, new Uint8Array(KEY_BYTES)))
  return encodeMessage(MESSAGES.serverKeyExchange, parameters, signature())
}

export function encodeClientKeyExchange(): Uint8Array {
  return encodeMessage(MESSAGES.clientKeyExchange, vector(1, new Uint8Array(KEY_BYTES)))
}

export function encodeFinished(version: TlsVersion): Uint8Array {
  return encodeMessage(MESSAGES.finished, new Uint8Array(FINISHED_BYTES[version]))
}

/** RFC 8446 §4.6.1, RFC 5077 §3.3. */
export function encodeNewSessionTicket(version: TlsVersion, ticket: Uint8Array): Uint8Array {
  const lifetime = concat(u16(0), u16(TICKET_LIFETIME_SEC))
  return version === 'TLSv1.2'
    ? encodeMessage(MESSAGES.newSessionTicket, lifetime, vector(2, ticket))
    : encodeMessage(
        MESSAGES.newSessionTicket,
        lifetime,
        new Uint8Array(4),
        vector(1, new Uint8Array(8)),
        vector(2, ticket),
        vector(2),
      )
}

/** Of all that follow only what this lab looks at is read; undefined where the bytes are not that. */
export function decodeClientHello(body: Uint8Array): ClientHello | undefined {
  const reader = new Reader(body)
  reader.skip(2)
  const random = reader.take(32)
  const sessionId = reader.vector(1)
  reader.vector(2)
  reader.vector(1)
  const extensions = decodeExtensions(reader.vector(2))
  if (random === undefined || sessionId === undefined || extensions === undefined) return undefined
  const offered = new Reader(extensions.get(EXTENSIONS.supportedVersions) ?? NO_BYTES).vector(1)
  const serverName = new Reader(extensions.get(EXTENSIONS.serverName)?.subarray(3) ?? NO_BYTES)
  const name = serverName.vector(2)
  const psk = new Reader(extensions.get(EXTENSIONS.preSharedKey)?.subarray(2) ?? NO_BYTES).vector(2)
  const old = extensions.get(EXTENSIONS.sessionTicket) ?? NO_BYTES
  const ticket = psk ?? (old.length > 0 ? old : undefined)
  return {
    random,
    sessionId,
    serverName: name && toLatin1(name),
    alpn: decodeAlpn(extensions),
    versions: offered === undefined ? ['TLSv1.2'] : versionsIn(offered),
    ticket,
  }
}

export function decodeServerHello(body: Uint8Array): ServerHello | undefined {
  const reader = new Reader(body)
  reader.skip(2)
  const random = reader.take(32)
  const sessionId = reader.vector(1)
  reader.skip(3)
  const extensions = decodeExtensions(reader.vector(2))
  if (random === undefined || sessionId === undefined || extensions === undefined) return undefined
  const chosen = extensions.get(EXTENSIONS.supportedVersions)
  return {
    version: (chosen && versionsIn(chosen)[0]) ?? 'TLSv1.2',
    random,
    sessionId,
    isResumed: extensions.has(EXTENSIONS.preSharedKey),
    alpn: decodeAlpn(extensions)[0],
  }
}

export function decodeEncryptedExtensions(
  body: Uint8Array,
): { readonly alpn: string | undefined } | undefined {
  const extensions = decodeExtensions(new Reader(body).vector(2))
  return extensions && { alpn: decodeAlpn(extensions)[0] }
}

/** The first of them; empty where there is none. */
export function decodeCertificates(version: TlsVersion, body: Uint8Array): Uint8Array | undefined {
  const reader = new Reader(body)
  if (version === 'TLSv1.3') reader.vector(1)
  const list = reader.vector(3)
  if (list === undefined || list.length === 0) return list
  return new Reader(list).vector(3)
}

export function decodeNewSessionTicket(
  version: TlsVersion,
  body: Uint8Array,
): Uint8Array | undefined {
  const reader = new Reader(body)
  reader.skip(version === 'TLSv1.2' ? 4 : 8)
  if (version === 'TLSv1.3') reader.vector(1)
  return reader.vector(2)
}

function decodeExtensions(
  bytes: Uint8Array | undefined,
): ReadonlyMap<number, Uint8Array> | undefined {
  if (bytes === undefined) return undefined
  const extensions = new Map<number, Uint8Array>()
  const reader = new Reader(bytes)
  while (reader.hasMore) {
    const type = reader.number(2)
    const body = reader.vector(2)
    if (type === undefined || body === undefined) return undefined
    extensions.set(type, body)
  }
  return extensions
}

function decodeAlpn(extensions: ReadonlyMap<number, Uint8Array>): readonly string[] {
  const list = new Reader(extensions.get(EXTENSIONS.alpn) ?? NO_BYTES).vector(2)
  const reader = new Reader(list ?? NO_BYTES)
  const protocols: string[] = []
  while (reader.hasMore) {
    const protocol = reader.vector(1)
    if (protocol === undefined) break
    protocols.push(toLatin1(protocol))
  }
  return protocols
}

function versionsIn(bytes: Uint8Array): readonly TlsVersion[] {
  const reader = new Reader(bytes)
  const versions: TlsVersion[] = []
  for (let number = reader.number(2); number !== undefined; number = reader.number(2)) {
    if (number === VERSIONS['TLSv1.3']) versions.push('TLSv1.3')
    if (number === VERSIONS['TLSv1.2']) versions.push('TLSv1.2')
  }
  return versions
}

function alpnExtension(protocols: readonly string[]): Uint8Array {
  const names = protocols.map((protocol) => vector(1, fromLatin1(protocol)))
  return extension(EXTENSIONS.alpn, vector(2, ...names))
}

function extension(type: number, ...body: readonly Uint8Array[]): Uint8Array {
  return concat(u16(type), vector(2, ...body))
}

function signature(): Uint8Array {
  return concat(u16(ECDSA_P256_SHA256), vector(2, new Uint8Array(SIGNATURE_BYTES)))
}

function u16(...numbers: readonly number[]): Uint8Array {
  return Uint8Array.from(numbers.flatMap((number) => [number >> 8, number & 0xff]))
}

/** With its length before it, in so many octets. RFC 8446 §3.4. */
function vector(lengthBytes: number, ...body: readonly Uint8Array[]): Uint8Array {
  const content = concat(...body)
  const { length } = content
  const octets = [length >> 16, (length >> 8) & 0xff, length & 0xff]
  return concat(Uint8Array.from(octets.slice(3 - lengthBytes)), content)
}

/** Answers undefined where there is less than was asked for. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get hasMore(): boolean {
    return this.#at < this.#bytes.length
  }

  skip(count: number): void {
    this.#at += count
  }

  take(count: number): Uint8Array | undefined {
    const end = this.#at + count
    if (end > this.#bytes.length) return undefined
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  number(size: number): number | undefined {
    return this.take(size)?.reduce((sum, octet) => (sum << 8) | octet, 0)
  }

  vector(lengthBytes: number): Uint8Array | undefined {
    const length = this.number(lengthBytes)
    return length === undefined ? undefined : this.take(length)
  }
}
