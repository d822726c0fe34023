/** Datagrams in words. */

import { type DnsData, RECORD_TYPES } from '../../proto/dns/data.ts'
import { type DnsMessage, decodeDnsMessage, RESPONSE_CODES } from '../../proto/dns/message.ts'
import type { CapturedPacket } from '../capture.ts'
import { describeBundle } from './bundle-words.ts'

export interface DatagramWords {
  readonly protocol: string
  readonly text: string
  /** Transactions of the mails that it carries or answers for. */
  readonly mails: readonly string[]
  /** The bundle that it is, or is a fragment of. */
  readonly adu: string | undefined
}

const DNS_PORT = 53

/** Of a fragment, the whole datagram. */
export function describeDatagram({
  payload,
  fragment,
  source,
  target,
}: Pick<CapturedPacket, 'payload' | 'fragment' | 'source' | 'target'>): DatagramWords {
  const whole = fragment?.datagram ?? payload
  const bundle = describeBundle(whole)
  if (bundle !== undefined) return { protocol: 'BP', ...bundle }
  const isDns = source.port === DNS_PORT || target.port === DNS_PORT
  const dns = isDns ? decodeDnsMessage(whole) : undefined
  if (dns !== undefined) return { protocol: 'DNS', text: dnsText(dns), mails: [], adu: undefined }
  return { protocol: 'UDP', text: `${whole.length} B`, mails: [], adu: undefined }
}

/** `DNS MX a.com?`, `DNS MX a.com: 10 mail.a.com`. */
function dnsText({ isResponse, isTruncated, code, question, answers }: DnsMessage): string {
  const asked = `DNS ${nameIn(RECORD_TYPES, question.type)} ${question.name}`
  if (!isResponse) return `${asked}?`
  if (isTruncated) return `${asked}: too much for a datagram`
  if (code !== RESPONSE_CODES.ok) return `${asked}: ${nameIn(RESPONSE_CODES, code)}`
  const found = answers.map(({ data }) => dataText(data)).join(', ')
  return `${asked}: ${found || 'nothing'}`
}

function dataText(data: DnsData): string {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return data.address
    case 'MX':
      return `${data.preference} ${data.exchange}`
    case 'PTR':
      return data.target
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}`
    case 'TXT':
      return JSON.stringify(data.text)
    case 'IPN':
      return `ipn:${data.node}`
  }
}

/** By what it is called here; its number where it is not known. */
function nameIn(table: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(table).find((name) => table[name] === value) ?? String(value)
}
