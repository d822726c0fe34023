/** IP addresses as numbers, to check that they are some and lie where they should, and with ports. */

export interface IpAddress {
  readonly bits: 32 | 128
  readonly value: bigint
}

/** Undefined where `text` is neither dotted IPv4 nor IPv6 as RFC 4291 §2.2 writes it. */
export function parseIpAddress(text: string): IpAddress | undefined {
  const value = text.includes(':') ? parseIpv6(text) : parseIpv4(text)
  return value === undefined ? undefined : { bits: text.includes(':') ? 128 : 32, value }
}

/** `172.21.0.3:2113` or `[::1]:2113`; undefined where `text` is not an IP address and a port. */
export function parseSocketAddress(
  text: string,
): { readonly host: string; readonly port: number } | undefined {
  const match = /^(?:\[([^\]]*:[^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2] ?? ''
  const port = Number(match?.[3])
  return parseIpAddress(host) === undefined || !(port <= 65_535) ? undefined : { host, port }
}

export interface IpPrefix {
  readonly address: IpAddress
  readonly length: number
}

/** `172.21.0.0/24`; undefined where `text` is no prefix or has bits set beyond its length. */
export function parseIpPrefix(text: string): IpPrefix | undefined {
  const match = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text)
  const address = parseIpAddress(match?.[1] ?? '')
  const length = Number(match?.[2])
  if (address === undefined || !(length <= address.bits)) return undefined
  const prefix = { address, length }
  return hostBits(address, prefix) === 0n ? prefix : undefined
}

export function isInPrefix(address: IpAddress, prefix: IpPrefix): boolean {
  return (
    address.bits === prefix.address.bits &&
    address.value - hostBits(address, prefix) === prefix.address.value
  )
}

function hostBits(address: IpAddress, prefix: IpPrefix): bigint {
  return BigInt.asUintN(address.bits - prefix.length, address.value)
}

function parseIpv4(text: string): bigint | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)
  if (match === null) return undefined
  let value = 0
  for (const digits of match.slice(1)) {
    // A leading zero is octal to some readers and decimal to others.
    if (Number(digits) > 255 || (digits.length > 1 && digits.startsWith('0'))) return undefined
    value = value * 256 + Number(digits)
  }
  return BigInt(value)
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::')
  const head = groupsOf(halves[0] ?? '', halves.length === 1)
  const tail = groupsOf(halves[1] ?? '', true)
  if (halves.length > 2 || head === undefined || tail === undefined) return undefined
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  return [...head, ...new Array<bigint>(missing).fill(0n), ...tail].reduce(
    (value, group) => value * 65_536n + group,
    0n,
  )
}

/** The 16-bit groups of one side of `::`; the last two of an address may be written as IPv4. */
function groupsOf(text: string, isLast: boolean): bigint[] | undefined {
  if (text === '') return []
  const groups: bigint[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const ipv4 = isLast && index === parts.length - 1 ? parseIpv4(part) : undefined
    if (ipv4 !== undefined) groups.push(ipv4 >> 16n, ipv4 & 0xffffn)
    else if (/^[0-9A-Fa-f]{1,4}$/.test(part)) groups.push(BigInt(`0x${part}`))
    else return undefined
  }
  return groups
}

/** Of IPv6, whoever has one address has the other 2^64 of its network too. */
export function networkOf(address: string): string {
  const parsed = parseIpAddress(address)
  return parsed?.bits === 128 ? `${parsed.value >> 64n}::/64` : address
}
