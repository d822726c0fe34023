/**
 * What mail programs configure themselves from: the file that Thunderbird looks for (Mozilla's
 * autoconfiguration, version 1.1), the SRV records of RFC 6186, and a profile for Apple's Mail.
 */

import { fromUtf8, toHex } from '../base/bytes.ts'
import { sha256 } from '../base/sha256.ts'

export type ClientServiceName = 'imaps' | 'imap' | 'pop3s' | 'pop3' | 'submissions' | 'submission'

export interface ClientConfigOptions {
  /** `user@domain`, which is the name to log in with as well. */
  readonly address: string
  /** Of the host, as its certificate has it. */
  readonly hostname: string
  /** The ports at which it answers. */
  readonly ports: Partial<Record<ClientServiceName, number>>
}

interface Service {
  readonly name: ClientServiceName
  readonly port: number
  readonly protocol: 'imap' | 'pop3' | 'smtp'
  readonly isTlsFirst: boolean
}

/** In the order in which programs should try them: TLS from the first octet before STARTTLS, IMAP before POP3. */
const SERVICES: readonly Omit<Service, 'port'>[] = [
  { name: 'imaps', protocol: 'imap', isTlsFirst: true },
  { name: 'imap', protocol: 'imap', isTlsFirst: false },
  { name: 'pop3s', protocol: 'pop3', isTlsFirst: true },
  { name: 'pop3', protocol: 'pop3', isTlsFirst: false },
  { name: 'submissions', protocol: 'smtp', isTlsFirst: true },
  { name: 'submission', protocol: 'smtp', isTlsFirst: false },
]

/** Where a host's services listen; the others are not there. */
export function clientPorts(
  host: Partial<Record<ClientServiceName, { readonly listen: { readonly port: number } }>>,
): ClientConfigOptions['ports'] {
  const ports: Partial<Record<ClientServiceName, number>> = {}
  for (const { name } of SERVICES) {
    const port = host[name]?.listen.port
    if (port !== undefined) ports[name] = port
  }
  return ports
}

/** For `https://autoconfig.DOMAIN/mail/config-v1.1.xml`. */
export function autoconfigXml(options: ClientConfigOptions): string {
  const domain = escapeXml(domainOf(options))
  const servers = servicesOf(options).map(({ protocol, port, isTlsFirst }) => {
    const element = protocol === 'smtp' ? 'outgoingServer' : 'incomingServer'
    return `    <${element} type="${protocol}">
      <hostname>${escapeXml(options.hostname)}</hostname>
      <port>${port}</port>
      <socketType>${isTlsFirst ? 'SSL' : 'STARTTLS'}</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </${element}>
`
  })
  return `<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="${domain}">
    <domain>${domain}</domain>
    <displayName>${domain}</displayName>
    <displayShortName>${domain}</displayShortName>
${servers.join('')}  </emailProvider>
</clientConfig>
`
}

export interface ServiceRecord {
  readonly name: string
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** With its dot; `.` alone: there is no such service. */
  readonly target: string
}

/** All six, so that a program is told of what there is not. */
export function serviceRecords(options: ClientConfigOptions): readonly ServiceRecord[] {
  const domain = domainOf(options)
  return SERVICES.map(({ name, isTlsFirst }) => {
    const port = options.ports[name]
    const record = { name: `_${name}._tcp.${domain}.`, priority: isTlsFirst ? 0 : 10 }
    return port === undefined
      ? { ...record, weight: 0, port: 0, target: '.' }
      : { ...record, weight: 1, port, target: `${options.hostname}.` }
  })
}

/** As a line of a zone file. */
export function formatServiceRecord(record: ServiceRecord): string {
  const { name, priority, weight, port, target } = record
  return `${name} 3600 IN SRV ${priority} ${weight} ${port} ${target}`
}

/** A profile as a file `.mobileconfig`; undefined where there is nothing to read mail from or to send it by. */
export function mobileConfig(options: ClientConfigOptions): string | undefined {
  const services = servicesOf(options)
  const incoming = services.find(({ protocol }) => protocol !== 'smtp')
  const outgoing = services.find(({ protocol }) => protocol === 'smtp')
  if (incoming === undefined || outgoing === undefined) return undefined
  const { address, hostname } = options
  const reversed = domainOf(options).split('.').reverse().join('.')
  const account: Readonly<Record<string, string | number | true>> = {
    EmailAccountDescription: address,
    EmailAccountType: incoming.protocol === 'imap' ? 'EmailTypeIMAP' : 'EmailTypePOP',
    EmailAddress: address,
    IncomingMailServerAuthentication: 'EmailAuthPassword',
    IncomingMailServerHostName: hostname,
    IncomingMailServerPortNumber: incoming.port,
    IncomingMailServerUseSSL: true,
    IncomingMailServerUsername: address,
    OutgoingMailServerAuthentication: 'EmailAuthPassword',
    OutgoingMailServerHostName: hostname,
    OutgoingMailServerPortNumber: outgoing.port,
    OutgoingMailServerUseSSL: true,
    OutgoingMailServerUsername: address,
    OutgoingPasswordSameAsIncomingPassword: true,
    PayloadDisplayName: address,
    PayloadIdentifier: `${reversed}.mail.account`,
    PayloadType: 'com.apple.mail.managed',
    PayloadUUID: uuidOf(`account ${address}`),
    PayloadVersion: 1,
  }
  const profile = {
    PayloadDisplayName: `Mail of ${address}`,
    PayloadIdentifier: `${reversed}.mail`,
    PayloadType: 'Configuration',
    PayloadUUID: uuidOf(`profile ${address}`),
    PayloadVersion: 1,
  }
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>PayloadContent</key>
  <array>
    <dict>
${formatKeys(account, '      ')}    </dict>
  </array>
${formatKeys(profile, '  ')}</dict>
</plist>
`
}

function servicesOf({ ports }: ClientConfigOptions): readonly Service[] {
  return SERVICES.flatMap((service) => {
    const port = ports[service.name]
    return port === undefined ? [] : [{ ...service, port }]
  })
}

function domainOf({ address }: ClientConfigOptions): string {
  return address.slice(address.lastIndexOf('@') + 1)
}

function formatKeys(
  values: Readonly<Record<string, string | number | true>>,
  indent: string,
): string {
  return Object.entries(values)
    .map(([key, value]) => `${indent}<key>${key}</key>\n${indent}${formatValue(value)}\n`)
    .join('')
}

function formatValue(value: string | number | true): string {
  if (value === true) return '<true/>'
  return typeof value === 'number'
    ? `<integer>${value}</integer>`
    : `<string>${escapeXml(value)}</string>`
}

/** The same for the same text, so that a profile that is fetched again replaces the first. */
function uuidOf(text: string): string {
  const hex = toHex(sha256(fromUtf8(`lightlag ${text}`)).subarray(0, 16)).toUpperCase()
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
}
