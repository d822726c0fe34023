/** What is asked about a mail that came in a bundle before it is taken, as in a session. */

import { Fault } from '../base/fault.ts'
import { HOPS_MAX } from '../mail/limits.ts'
import type { LocalTarget } from '../mail/local-target.ts'
import type { PolicyMail, PolicySession } from '../mail/policy/policy.ts'
import type { ChainAnswer, PolicyChain } from '../mail/policy/policy-chain.ts'
import { HeaderReader } from '../proto/message/header.ts'
import { wasDeliveredTo } from '../proto/message/trace.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { formatMailbox } from '../proto/smtp/path.ts'
import { mailLoop, noSuchUser, type Reply, TOO_MANY_HOPS } from '../proto/smtp/reply.ts'
import type { BatchMail } from './batch-reader.ts'
import type { BridgeFaultCode } from './fault.ts'

export interface BatchContext {
  readonly local: Pick<LocalTarget, 'knows'>
  /** Whether mail for it goes on from here, whoever sends it. */
  readonly relays: (recipient: Mailbox) => boolean
  readonly policies: PolicyChain
}

export interface ArrivedBatch {
  /** Of the transaction, and of the mail that is made of it. */
  readonly id: string
  readonly queueId: string
  /** The far gateway. */
  readonly from: string
  readonly mail: BatchMail
  /** What stands above the message when it is delivered. */
  readonly trace: Uint8Array
}

export interface Judgement {
  /** Why, by recipient, and for those that are not taken. */
  readonly refused: ReadonlyMap<number, Reply>
  /** Header fields to stand above the message. */
  readonly headers: readonly string[]
  /** The message as the policies let it pass. */
  readonly body: readonly Uint8Array[]
}

/**
 * Rejects with a temporary Fault where a policy wants it later. What was refused for good is told by
 * the acknowledgement. No mail is taken for whom this host neither knows nor relays to: a gateway is no open relay.
 */
export async function judgeBatch(arrived: ArrivedBatch, context: BatchContext): Promise<Judgement> {
  const { recipients, body, helo } = arrived.mail
  const header = readHeader(body)
  const refused = new Map<number, Reply>()
  const refuseRest = (reply: Reply): Judgement => {
    for (const i of recipients.keys()) if (!refused.has(i)) refused.set(i, reply)
    return { refused, headers: [], body }
  }
  for (const [i, { recipient }] of recipients.entries()) {
    const name = formatMailbox(recipient)
    if (!context.local.knows(recipient) && !context.relays(recipient))
      refused.set(i, noSuchUser(name))
    else if (wasDeliveredTo(header.fields, name)) refused.set(i, mailLoop(name))
  }
  if (header.count('received') >= HOPS_MAX) return refuseRest(TOO_MANY_HOPS)
  if (refused.size === recipients.length) return { refused, headers: [], body }
  const { id, from: peer } = arrived
  const session: PolicySession = { id, service: 'bundle', peer, helo, user: undefined }
  try {
    return await askPolicies(arrived, session, context.policies, refused, refuseRest)
  } finally {
    context.policies.ended(session)
  }
}

async function askPolicies(
  { queueId, mail, trace }: ArrivedBatch,
  session: PolicySession,
  chain: PolicyChain,
  refused: Map<number, Reply>,
  refuseRest: (reply: Reply) => Judgement,
): Promise<Judgement> {
  const taken: Mailbox[] = []
  const policyMail: PolicyMail = { queueId, from: mail.from, recipients: taken }
  const beginnings = [
    () => chain.connect(session),
    () => chain.helo(session),
    () => chain.mail(session, policyMail),
  ]
  for (const ask of beginnings) {
    const reply = refusalOf(await ask())
    if (reply !== undefined) return refuseRest(reply)
  }
  for (const [i, { recipient }] of mail.recipients.entries()) {
    if (refused.has(i)) continue
    const reply = refusalOf(await chain.recipient(session, policyMail, recipient))
    if (reply === undefined) taken.push(recipient)
    else refused.set(i, reply)
  }
  if (taken.length === 0) return { refused, headers: [], body: mail.body }
  const data = await chain.data(session, policyMail)
  const atData = refusalOf(data)
  if (atData !== undefined) return refuseRest(atData)
  const readers = chain.readers(session, policyMail)
  const filter = chain.filter(session, policyMail)
  const body = [...mail.body.map((piece) => filter.push(piece)), filter.end()]
  const pieces = [trace, ...body]
  for (const reader of readers.values()) for (const piece of pieces) reader.push(piece)
  const sizeBytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
  const end = await chain.endOfData(session, policyMail, { sizeBytes }, readers)
  const atEnd = refusalOf(end)
  if (atEnd !== undefined) return refuseRest(atEnd)
  return { refused, headers: [...headersOf(data), ...headersOf(end)], body }
}

/** Undefined where it is taken. */
function refusalOf(said: ChainAnswer): Reply | undefined {
  if (said.ok) return undefined
  const { reply, by } = said
  if (reply.code >= 500) return reply
  const text = `policy ${by}: ${reply.code} ${reply.lines.join(' ')}`
  throw new Fault<BridgeFaultCode>('bridge/not-now', text, { temporary: true })
}

function headersOf(said: ChainAnswer): readonly string[] {
  return said.ok ? said.headers : []
}

/** The header of a message that is here as a whole. */
export function readHeader(body: readonly Uint8Array[]): HeaderReader {
  const header = new HeaderReader()
  for (const piece of body) {
    if (header.state !== 'reading') break
    header.push(piece)
  }
  header.end()
  return header
}
