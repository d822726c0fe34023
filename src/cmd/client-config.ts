/** `lightlag client-config`: what mail programs configure themselves from. */

import {
  autoconfigXml,
  clientPorts,
  formatServiceRecord,
  mobileConfig,
  serviceRecords,
} from '../mail/client-config.ts'
import { EXIT, Failure } from './failure.ts'
import { readConfig } from './host-config.ts'

export const CLIENT_CONFIG_KINDS = ['autoconfig', 'srv', 'mobileconfig'] as const
export type ClientConfigKind = (typeof CLIENT_CONFIG_KINDS)[number]

export interface ClientConfigArguments {
  readonly config: string
  /** Only this one, without a heading. */
  readonly only?: ClientConfigKind
}

export function clientConfig(address: string, { config: file, only }: ClientConfigArguments): void {
  const config = readConfig(file)
  const [, domain] = /^[^@\s]+@([^@\s]+)$/.exec(address) ?? []
  if (domain === undefined) throw new Failure(EXIT.usage, `${address} is no address: USER@DOMAIN`)
  if (!config.domains.includes(domain.toLowerCase())) {
    const ours = config.domains.join(', ')
    throw new Failure(EXIT.usage, `${file} has no domain ${domain}; it has ${ours}`)
  }
  const options = { address, hostname: config.host, ports: clientPorts(config) }
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
