/** The file of one node: `lightlag serve --config FILE`. */

import { z } from 'zod'
import type { Result } from '../base/fault.ts'
import { parseIpAddress, parseSocketAddress } from '../base/ip-address.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type PlanText as CommonPlanText, planShape } from './bundles.ts'
import type { ConfigFaultCode } from './fault.ts'
import { completeHost, type HostText, hostContradictions, hostShape } from './host.ts'
import {
  completeAuthentication,
  type DkimText,
  type MailAuthenticationText,
  mailAuthenticationShape,
} from './mail-authentication.ts'
import { credentialFilesOf } from './mail-outgoing.ts'
import { secretFilesOf } from './peers.ts'
import { parseWith } from './problems.ts'
import { duration, listOf, mapping, orOff, type Shape, word } from './schema.ts'
import { type TlsText, tlsContradictions, tlsShape } from './tls.ts'

export interface NodeConfig extends MailHostOptions {
  /** Where everything is kept; relative to the folder of the file that says so. */
  readonly directory: string
  /** Default: `users` in `directory`, unless there is a list of `users`. */
  readonly usersFile?: string
  /** A transport map in the notation of Postfix, in place of `transport`. */
  readonly transportFile?: string
  /** The same for `aliases`. */
  readonly aliasesFile?: string
  /** The same for `relay.recipients`. */
  readonly recipientsFile?: string
  /** IPN records that hold in place of those of name servers. */
  readonly ipnFile?: string
  /** By route of `outgoing`, the file that has its credentials. */
  readonly credentialFiles: ReadonlyMap<string, string>
  /** By peer, the file that has its secret. */
  readonly secretFiles: ReadonlyMap<string, string>
  /** A file of events as JSON, beside the log on standard output. */
  readonly log?: { readonly json: string }
  /** Where `GET /metrics` is answered; default: nowhere. */
  readonly metrics?: { readonly listen: SocketAddress }
  /** Default: certificates of the host's own authority. */
  readonly tls?: TlsText
  readonly dns?: DnsText
  /** Default: `dkim` in `directory`. */
  readonly dkim?: DkimText
}

export interface DnsText {
  /** `127.0.0.1:53`; none at all: nothing is ever asked. Default: those of the system. */
  readonly servers?: readonly string[]
}

/** On failure the fault's message lists every problem, one line each. `fileName` is for these lines. */
export function parseNodeConfig(
  text: string,
  fileName: string,
): Result<NodeConfig, ConfigFaultCode> {
  const parsed = parseWith(text, fileName, nodeSchema, (node) => [
    ...hostContradictions(node, [], (plan) => plan.oneWayDelay),
    ...tlsContradictions(node.tls ?? {}, ['tls']),
  ])
  if (!parsed.ok) return parsed
  const { users, transport, aliases, relay, ipn } = parsed.value
  const authentication = completeAuthentication(parsed.value.authentication)
  return {
    ok: true,
    value: {
      ...completeHost(parsed.value, (plan) => plan.oneWayDelay),
      directory: parsed.value.directory,
      credentialFiles: credentialFilesOf(parsed.value.outgoing),
      secretFiles: secretFilesOf(parsed.value),
      ...(parsed.value.metrics && { metrics: parsed.value.metrics }),
      ...(parsed.value.log && { log: parsed.value.log }),
      ...(typeof users === 'string' && { usersFile: users }),
      ...(typeof transport === 'string' && { transportFile: transport }),
      ...(typeof aliases === 'string' && { aliasesFile: aliases }),
      ...(typeof relay?.recipients === 'string' && { recipientsFile: relay.recipients }),
      ...(ipn?.file !== undefined && { ipnFile: ipn.file }),
      ...(parsed.value.tls && { tls: parsed.value.tls }),
      ...(parsed.value.dns && { dns: parsed.value.dns }),
      ...(parsed.value.dkim && { dkim: parsed.value.dkim }),
      ...(authentication && { authentication }),
    },
  }
}

type SocketAddress = NonNullable<ReturnType<typeof parseSocketAddress>>

/** They tell much of a host, to whoever asks. */
const loopback = word('an address of this machine and a port such as 127.0.0.1:9464', (text) => {
  const address = parseSocketAddress(text)
  return address && /^(?:127\.|::1$)/.test(address.host) ? address : undefined
})

interface PlanText extends CommonPlanText {
  readonly oneWayDelay: number
}

type NodeText = HostText<PlanText> &
  Pick<NodeConfig, 'directory' | 'tls' | 'log' | 'metrics' | 'dns'> &
  MailAuthenticationText

const resolver = word(
  'an IP address such as 127.0.0.1, with or without a port: [::1]:53',
  (text) =>
    parseIpAddress(text) === undefined && parseSocketAddress(text) === undefined ? undefined : text,
)

const dnsShape: Shape<DnsText> = {
  servers: z
    .preprocess(
      (value) => (value === 'none' ? [] : value),
      listOf(resolver, 'a list of resolvers such as [127.0.0.1], or none to ask nobody'),
    )
    .optional(),
}

const nodeSchema = mapping<NodeText>({
  ...hostShape(mapping<PlanText>({ ...planShape, oneWayDelay: duration })),
  directory: word('a path such as ../var/mail-1', (text) => text || undefined),
  tls: mapping<TlsText>(tlsShape).optional(),
  log: orOff(
    mapping<Required<NodeConfig>['log']>({
      json: word('a file such as mail-1.json', (text) => text || undefined),
    }),
  ),
  metrics: orOff(mapping<Required<NodeConfig>['metrics']>({ listen: loopback })),
  dns: mapping<DnsText>(dnsShape).optional(),
  ...mailAuthenticationShape,
})
