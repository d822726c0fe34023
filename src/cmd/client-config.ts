/** `lightlag client-config`: what mail programs configure themselves from. */

import { type NodeConfig, parseNodeConfig } from '../config/node-config.ts'
import {
  autoconfigXml,
  type ClientServiceName,
  formatServiceRecord,
  mobileConfig,
  serviceRecords,
} from '../mail/client-config.ts'
import { EXIT, Failure } from './failure.ts'
import { readText } from './files.ts'

export const CLIENT_CONFIG_KINDS = ['autoconfig', 'srv', 'mobileconfig'] as const
export type ClientConfigKind = (typeof CLIENT_CONFIG_KINDS)[number]

export interface ClientConfigArguments {
  readonly config: string
  /** Only this one, without a heading. */
  readonly only?: ClientConfigKind
}

export function clientConfig(address: string, { config: file, only }: ClientConfigArguments): void {
  const parsed = parseNodeConfig(readText(file), file)
  if (!parsed.ok) throw new Failure(EXIT.usage, parsed.fault.message)
  const config = parsed.value
  const [, domain] = /^[^@\s]+@([^@\s]+)$/.exec(address) ?? []
  if (domain === undefined) throw new Failure(EXIT.usage, `${address} is no address: USER@DOMAIN`)
  if (!config.domains.includes(domain.toLowerCase())) {
    const ours = config.domains.join(', ')
    throw new Failure(EXIT.usage, `${file} has no domain ${domain}; it has ${ours}`)
  }
  const options = { address, hostname: config.host, ports: portsOf(config) }
  const texts: Record<ClientConfigKind, string> = {
    autoconfig: autoconfigXml(options),
    srv: serviceRecords(options)
      .map((record) => `${formatServiceRecord(record)}\n`)
      .join(''),
    mobileconfig: mobileConfig(options) ?? '',
  }
  if (only !== undefined) {
    process.stdout.write(texts[only])
    return
  }
  const headings = {
    autoconfig: `https://autoconfig.${domain}/mail/config-v1.1.xml`,
    srv: `records of the zone ${domain}`,
    mobileconfig: `${address}.mobileconfig`,
  }
  for (const kind of CLIENT_CONFIG_KINDS) {
    process.stdout.write(
      `== ${headings[kind]}\n${texts[kind] || 'no service to read mail from, or none to send it by\n'}\n`,
    )
  }
}

function portsOf(config: NodeConfig): Partial<Record<ClientServiceName, number>> {
  const services: Partial<
    Record<ClientServiceName, { readonly listen: { readonly port: number } }>
  > = config
  const ports: Partial<Record<ClientServiceName, number>> = {}
  for (const name of ['imaps', 'imap', 'pop3s', 'pop3', 'submissions', 'submission'] as const) {
    const port = services[name]?.listen.port
    if (port !== undefined) ports[name] = port
  }
  return ports
}
