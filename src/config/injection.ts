/** What a host's file says of the far gateways that may send mail to it. */

import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type EndpointId, formatEndpointId, parseEndpointId } from '../proto/bpv7/endpoint-id.ts'
import { type Contradiction, repeated } from './problems.ts'
import {
  domain,
  ipnNode,
  listOf,
  mapping,
  oneOf,
  type Shape,
  senderDomain,
  word,
} from './schema.ts'
import type { TcpclTlsText } from './tls.ts'
import type { Path } from './yaml.ts'

type Rule = Required<MailHostOptions>['gateways'][number]

export interface InjectionText {
  readonly gateways?: readonly Rule[]
  readonly ipn?: {
    readonly check: Required<MailHostOptions>['ipn']
    /** Of records; from the folder of the file that names it. */
    readonly file?: string
  }
}

const gatewayEndpoint = word('the endpoint of a far gateway such as ipn:2.2525', (text) => {
  const endpoint: EndpointId | undefined = parseEndpointId(text)
  return endpoint?.scheme === 'ipn' && endpoint.service > 0n ? endpoint : undefined
})

export const injectionShape: Shape<InjectionText> = {
  gateways: listOf(
    mapping<Rule>({
      from: gatewayEndpoint,
      senders: listOf(senderDomain, 'a list of domains such as [a.com, .a.com]'),
      results: listOf(domain, 'a list of hosts such as [mail-1.a.com]').optional(),
      neighbours: listOf(ipnNode, 'a list of nodes such as [ipn:2]').optional(),
    }),
    'a list of far gateways',
  ).optional(),
  ipn: mapping<Required<InjectionText>['ipn']>({
    check: oneOf(['none', 'warn', 'reject']),
    file: word('a file of IPN records such as ipn.map', (text) => text || undefined).optional(),
  }).optional(),
}

export function completeInjection({
  gateways,
  ipn,
}: InjectionText): Pick<MailHostOptions, 'gateways' | 'ipn'> {
  return { ...(gateways && { gateways }), ...(ipn && { ipn: ipn.check }) }
}

/** `at` is where the host stands in its file. */
export function injectionContradictions(
  { gateways = [], tcp }: InjectionText & TcpText,
  at: Path,
): readonly Contradiction[] {
  const path = [...at, 'gateways']
  const names = gateways.map(({ from }) => formatEndpointId(from))
  const wrong = [...repeated(names, path, 'gateway')]
  const speaksTls = tcp !== undefined && tcp.tls !== 'never' && tcp.versions?.includes(4) !== false
  if (speaksTls) return wrong
  for (const [i, { neighbours }] of gateways.entries()) {
    if (neighbours === undefined) continue
    const message =
      'neighbours without TLS of tcp (version 4), so that none could prove itself: tcp: {tls: require} would be right'
    wrong.push({ path: [...path, i, 'neighbours'], message })
  }
  return wrong
}

interface TcpText {
  readonly tcp?: Pick<TcpclTlsText, 'tls'> & { readonly versions?: readonly number[] }
}
