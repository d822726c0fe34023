/** The files beside a host's own that are read again whenever they change, while it runs. */

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Fault, type Result } from '../base/fault.ts'
import type { MailHost } from '../bridge/mail-host.ts'
import type { ConfigFaultCode } from '../config/fault.ts'
import {
  parseAliasMap,
  parseIpnRecords,
  parseRelayRecipients,
  parseTransportMap,
} from '../config/map-file.ts'
import type { NodeConfig } from '../config/node-config.ts'
import { leadsTo } from '../dtn/static-plan.ts'
import { readSigningKeys } from '../host/dkim-keys.ts'
import type { EventSink } from '../ports/events.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { dkimDirectoryOf } from './dkim-directory.ts'
import { reasonOf } from './failure.ts'
import { keepFile } from './file-keeper.ts'
import { readUsers, usersFileOf } from './users-file.ts'

/** Users, transport map, aliases, IPN records and keys of DKIM; throws a Fault where one cannot be read. The result ends it. */
export function keepFiles(
  host: MailHost,
  config: NodeConfig,
  configFile: string,
  events: EventSink,
): () => void {
  const { transportFile, aliasesFile, recipientsFile, ipnFile } = config
  const fileOf = (name: string): string => resolve(dirname(configFile), name)
  const ends: (() => void)[] = [keepUsers(host, config, configFile, events)]
  if (transportFile !== undefined) {
    const file = fileOf(transportFile)
    const reaches = (node: bigint): boolean =>
      config.plans.some((plan) => leadsTo(plan, ipnEndpoint(node, 0n)))
    const { peers = [] } = config
    const read = (): ReturnType<typeof parseTransportMap> =>
      parseTransportMap(textOf(file), file, { ...config, reaches, peers })
    const take = keepMap(file, 'transport', read, (rules) => host.setTransport(rules), events)
    ends.push(take)
  }
  if (aliasesFile !== undefined) {
    const file = fileOf(aliasesFile)
    const read = (): ReturnType<typeof parseAliasMap> => parseAliasMap(textOf(file), file)
    ends.push(keepMap(file, 'aliases', read, (aliases) => host.setAliases(aliases), events))
  }
  if (recipientsFile !== undefined) {
    const file = fileOf(recipientsFile)
    const domains = config.relay?.domains ?? []
    const read = (): ReturnType<typeof parseRelayRecipients> =>
      parseRelayRecipients(textOf(file), file, domains)
    ends.push(keepMap(file, 'recipients', read, (all) => host.setRelayRecipients(all), events))
  }
  if (ipnFile !== undefined) {
    const file = fileOf(ipnFile)
    const read = (): ReturnType<typeof parseIpnRecords> => parseIpnRecords(textOf(file), file)
    ends.push(keepMap(file, 'ipn', read, (records) => host.setIpnRecords(records), events))
  }
  const keys = dkimDirectoryOf(config, configFile)
  ends.push(
    keepFile(
      {
        ...{ file: keys, what: 'dkim' },
        read: () => readSigningKeys(keys),
        take: (all) => host.setSigningKeys(all),
      },
      events,
    ),
  )
  return () => {
    for (const end of ends) end()
  }
}

function keepMap<Value>(
  file: string,
  what: string,
  read: () => Result<Value>,
  take: (value: Value) => void,
  events: EventSink,
): () => void {
  let isFirst = true
  return keepFile(
    {
      ...{ file, what },
      read: () => {
        const parsed = read()
        if (!parsed.ok) throw parsed.fault
        return parsed.value
      },
      take: (value) => {
        take(value)
        if (!isFirst) events({ type: 'reread', file })
        isFirst = false
      },
    },
    events,
  )
}

/** Those of the file of users, from now on; or those of the configuration, which should not be there. */
function keepUsers(
  host: MailHost,
  config: NodeConfig,
  configFile: string,
  events: EventSink,
): () => void {
  const file = usersFileOf(config, configFile)
  if (file === undefined) {
    const reason = `${configFile} has the passwords of its users in it: "lightlag user add", which keeps hashes in a file of their own, would be right`
    events({ type: 'trouble', where: 'users', reason })
    return () => {}
  }
  if (readUsers(file).length === 0) {
    const reason = `${file} has nobody yet: "lightlag user add NAME --config ${configFile}" would be right`
    events({ type: 'trouble', where: 'users', reason })
  }
  const read = (): ReturnType<typeof readUsers> => readUsers(file)
  return keepFile(
    { file, what: 'users', read, take: (accounts) => host.setAccounts(accounts) },
    events,
  )
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const message = `cannot read ${file}: ${reasonOf(error)}`
    throw new Fault<ConfigFaultCode>('config/unreadable', message, { temporary: false })
  }
}
