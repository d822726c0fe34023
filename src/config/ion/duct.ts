/** The names of ducts that are addresses: `HOST[:PORT]`. */

/** Ports where the name has none. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = { udp: 4556, tcp: 4556, stcp: 4456 }

/** Those of them that our node speaks. */
const SPOKEN = ['udp', 'tcp', 'stcp', 'mtcp'] as const

export function isSpoken(protocol: string): protocol is (typeof SPOKEN)[number] {
  return (SPOKEN as readonly string[]).includes(protocol)
}

export interface DuctAddress {
  /** An IPv4 address or a name; `@` is this host, `0.0.0.0` every address of it. */
  readonly host: string
  readonly port: number
}

export const DUCT_EXPECTED =
  'a host and a port such as 172.22.0.3:4556, the port 1024 to 65535 or none'

export function hasAddress(protocol: string): boolean {
  return Object.hasOwn(DEFAULT_PORTS, protocol)
}

/** Undefined where `duct` is no address, or one that ION refuses. */
export function parseDuctAddress(protocol: string, duct: string): DuctAddress | undefined {
  const [, host, digits] = /^([A-Za-z0-9._@-]+)(?::(\d{1,5}))?$/.exec(duct) ?? []
  const byDefault = Object.hasOwn(DEFAULT_PORTS, protocol) ? DEFAULT_PORTS[protocol] : undefined
  if (host === undefined || byDefault === undefined) return undefined
  const port = Number(digits ?? 0)
  if (port !== 0 && (port < 1024 || port > 65_535)) return undefined
  return { host, port: port || byDefault }
}
