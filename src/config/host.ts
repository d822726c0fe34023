/** What a node's file and a scenario both say of a host. */

import type { z } from 'zod'
import { formatDuration } from '../base/quantity.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { type BpmailText, bpmailContradictions, bpmailShape, completeBpmail } from './bpmail.ts'
import {
  type BundleText,
  bundleContradictions,
  bundleShape,
  completeBundles,
  type PlanText,
} from './bundles.ts'
import {
  type ContactsText,
  completeContacts,
  contactContradictions,
  contactsShape,
} from './contacts.ts'
import {
  completeInjection,
  type InjectionText,
  injectionContradictions,
  injectionShape,
} from './injection.ts'
import { completeLinks, type LinksText, linkContradictions, linksShape } from './links.ts'
import { ACCESS_SERVICES, type AccessText, accessShape, completeAccess } from './mail-access.ts'
import {
  completeOutgoing,
  completePipe,
  type OutgoingText,
  outgoingContradictions,
  outgoingText,
  type PipeText,
  pipeText,
} from './mail-outgoing.ts'
import {
  completePolicy,
  type PolicyText,
  policyContradictions,
  policyShape,
} from './mail-policy.ts'
import { completeQuotas, type QuotaText, quotaContradictions, quotaShape } from './mail-quotas.ts'
import {
  completeRouting,
  patienceFor,
  type RoutingText,
  routingContradictions,
  routingShape,
} from './mail-routing.ts'
import { completePeers, type PeersText, peerContradictions, peersShape } from './peers.ts'
import { type Contradiction, repeated } from './problems.ts'
import { domain, ipnNode, listOf, mapping, orFile, type Shape, size, word } from './schema.ts'
import { sendersText, sendmailText } from './sendmail.ts'
import { completeSmtp, SMTP_SERVICES, type SmtpText, smtpShape } from './smtp.ts'
import type { Path } from './yaml.ts'

/** A host's keys as they are written, each value read. */
export interface HostText<Plan>
  extends BundleText<Plan>,
    BpmailText,
    ContactsText,
    InjectionText,
    LinksText,
    PeersText,
    RoutingText,
    PolicyText,
    QuotaText,
    SmtpText,
    AccessText {
  readonly host: string
  readonly node: bigint
  readonly mailService: bigint
  /** Default: the host's own name. */
  readonly domains?: readonly string[]
  /** With their passwords, or the file that has them; from the folder of the file that names it. */
  readonly users?: readonly UserText[] | string
  readonly outgoing: OutgoingText
  readonly pipe?: PipeText
  readonly sendmail?: Required<MailHostOptions>['sendmail']
  readonly senders?: Required<MailHostOptions>['senders']
  readonly limits: { readonly messageSizeMax: number; readonly storeSizeMax: number }
}

export type UserText = Required<MailHostOptions>['users'][number]

const MAIL_SERVICE_DEFAULT = 2525n
const MESSAGE_SIZE_DEFAULT = 50 * 1_048_576
const STORE_SIZE_DEFAULT = 4 * 1_073_741_824

export function hostShape<Plan>(plan: z.ZodType<Plan, unknown>): Shape<HostText<Plan>> {
  return {
    host: domain,
    node: ipnNode,
    mailService: word('a service number such as 2525', (text) =>
      /^[1-9]\d{0,8}$/.test(text) ? BigInt(text) : undefined,
    ).default(MAIL_SERVICE_DEFAULT),
    domains: listOf(domain, 'a list of domains such as [mail-1.a.com]').optional(),
    users: orFile(plainUsers, 'a file of users such as mail-1.users').optional(),
    ...smtpShape,
    ...accessShape,
    ...bundleShape(plan),
    ...bpmailShape,
    ...contactsShape,
    ...injectionShape,
    ...linksShape,
    ...peersShape,
    ...routingShape,
    outgoing: outgoingText,
    pipe: pipeText.optional(),
    sendmail: sendmailText.optional(),
    senders: sendersText.optional(),
    limits: mapping<HostText<Plan>['limits']>({
      messageSizeMax: size.default(MESSAGE_SIZE_DEFAULT),
      storeSizeMax: size.default(STORE_SIZE_DEFAULT),
    }).prefault({}),
    ...quotaShape,
    ...policyShape,
  }
}

// A user's name is a folder's name too, so nothing that a file system takes for something else.
const userShape: Shape<UserText> = {
  name: word('a name such as user, of letters, digits and ._+- after the first', (text) =>
    /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/.test(text) ? text : undefined,
  ),
  password: word('a password of 1 to 255 characters, none of them a control', (text) =>
    /^[^\p{Cc}]{1,255}$/u.test(text) ? text : undefined,
  ),
}

export const plainUsers: z.ZodType<readonly UserText[], unknown> = listOf(
  mapping<UserText>(userShape),
  'a list of users',
)

/** Fills in what was left out. */
export function completeHost<Plan extends PlanText>(
  text: HostText<Plan>,
  delayOf: (plan: Plan) => number,
): MailHostOptions {
  return {
    host: text.host,
    node: text.node,
    mailService: text.mailService,
    domains: text.domains ?? [text.host],
    ...(typeof text.users === 'object' && { users: text.users }),
    ...completeSmtp(text),
    ...completeAccess(text),
    ...completeBundles(text, delayOf),
    ...completeBpmail(text),
    ...completeContacts(text),
    ...completeInjection(text),
    ...completeLinks(text),
    ...completePeers(text),
    ...completeRouting(text),
    outgoing: completeOutgoing(text.outgoing),
    ...(text.pipe && { pipe: completePipe(text.pipe) }),
    ...(text.sendmail && { sendmail: text.sendmail }),
    ...(text.senders && { senders: text.senders }),
    ...completePolicy(text),
    ...completeQuotas(text),
    limits: {
      messageBytesMax: text.limits.messageSizeMax,
      storeBytesMax: text.limits.storeSizeMax,
    },
  }
}

/** `at` is where the host stands in its file. */
export function hostContradictions<Plan extends PlanText>(
  host: HostText<Plan>,
  at: Path,
  delayOf: (plan: Plan) => number | undefined,
): readonly Contradiction[] {
  return [
    ...repeated(host.domains ?? [], [...at, 'domains'], 'domain'),
    ...repeated(
      (typeof host.users === 'object' ? host.users : []).map(({ name }) => name.toLowerCase()),
      [...at, 'users'],
      'user',
    ),
    ...listenContradictions(host, at),
    ...bundleContradictions(host, at),
    ...bpmailContradictions(host, at),
    ...contactContradictions(host, at),
    ...injectionContradictions(host, at),
    ...linkContradictions(host, at),
    ...peerContradictions(host, at),
    ...routingContradictions(host, at),
    ...outgoingContradictions(host.outgoing, [...at, 'outgoing']),
    ...policyContradictions(host, at),
    ...quotaContradictions(host, at),
    ...patienceContradictions(host, at, delayOf),
    ...sizeContradictions(host, at),
  ]
}

/** Whether an answer can come before the queue gives up. */
export function isAnswerInTime(oneWayDelayMs: number, giveUpAfterMs: number): boolean {
  return 2 * oneWayDelayMs < giveUpAfterMs
}

function patienceContradictions<Plan extends PlanText>(
  host: HostText<Plan>,
  at: Path,
  delayOf: (plan: Plan) => number | undefined,
): readonly Contradiction[] {
  return host.plans.flatMap((plan, index) => {
    const giveUpAfter = patienceFor(host, plan.to)
    const delayMs = delayOf(plan)
    if (delayMs === undefined || isAnswerInTime(delayMs, giveUpAfter)) return []
    const message = `one-way delay ${formatDuration(delayMs)} to ipn:${plan.to}, while the queue gives up after ${formatDuration(giveUpAfter)}: a retry.giveUpAfter of more than two delays would be right`
    return [{ path: [...at, 'plans', index], message }]
  })
}

/** What a bundle node puts together in memory sets the bound. */
const MESSAGE_SIZE_MAX = 128 * 1_048_576

/** Far gateways send 2 MiB of mails together before they have heard how much is taken here: `hostBounds`. */
const STORE_SIZE_MIN = 16 * 1_048_576

function sizeContradictions({ limits }: HostText<PlanText>, at: Path): readonly Contradiction[] {
  const { messageSizeMax, storeSizeMax } = limits
  const found: Contradiction[] = []
  const note = (key: string, message: string): void =>
    void found.push({ path: [...at, 'limits', key], message })
  if (messageSizeMax > MESSAGE_SIZE_MAX) {
    const message = `messageSizeMax of ${messageSizeMax} bytes: at most 128MiB would be right`
    note('messageSizeMax', message)
  }
  if (storeSizeMax < STORE_SIZE_MIN) {
    const message = `storeSizeMax of ${storeSizeMax} bytes: at least 16MiB would be right, for mails that come together`
    note('storeSizeMax', message)
  }
  return found
}

/** UDP has ports of its own. */
const STREAM_SERVICES = [
  ...SMTP_SERVICES,
  ...ACCESS_SERVICES,
  'https',
  'tcp',
  'stcp',
  'mtcp',
] as const

function listenContradictions(host: HostText<PlanText>, at: Path): readonly Contradiction[] {
  const services = STREAM_SERVICES.flatMap((service) => {
    const listen = host[service]?.listen
    return listen === undefined || listen.port === 0
      ? []
      : [{ service, address: `${listen.host}:${listen.port}` }]
  })
  return services.flatMap(({ service, address }, index) => {
    const first = services.findIndex((other) => other.address === address)
    const message = `${service} listens on the address of ${services[first]?.service}: one of its own would be right`
    return first === index ? [] : [{ path: [...at, service, 'listen'], message }]
  })
}
