/** What a file says of limits for senders, and of faults on purpose. */

import { parseSize } from '../base/quantity.ts'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { FAULT_POINTS } from '../proto/smtp/fault-point.ts'
import { INJECTED_FAULTS_MAX } from '../proto/smtp/limits.ts'
import type { Contradiction } from './problems.ts'
import { count, duration, listOf, mapping, oneOf, orOff, type Shape, word } from './schema.ts'
import type { Path } from './yaml.ts'

type SenderLimits = Required<Required<MailHostOptions>['senderLimits']>['perUser']
type InjectedFault = Required<MailHostOptions>['faults'][number]

interface SenderText {
  readonly mails?: number
  readonly recipients?: number
  readonly bytes?: number
  readonly sessions?: number
}

interface SenderLimitsText {
  readonly perUser?: SenderText
  readonly perPeer?: SenderText
}

export interface PolicyText {
  readonly senderLimits?: SenderLimitsText
  readonly faults?: readonly FaultText[]
}

interface FaultText {
  readonly at: InjectedFault['at']
  readonly sender?: string
  readonly recipient?: string
  readonly times?: { readonly from: number; readonly until?: number }
  readonly reply?: NonNullable<InjectedFault['reply']>
  readonly delay?: number
}

const perHour = word('a number an hour such as 500/h, or off for none', (text) =>
  /^[1-9]\d{0,8}\/h$/.test(text) ? Number(text.slice(0, -2)) : undefined,
)
const bytesPerHour = word('a size an hour such as 1GiB/h, or off for none', (text) =>
  text.endsWith('/h') ? parseSize(text.slice(0, -2)) || undefined : undefined,
)

const sender = mapping<SenderText>({
  mails: orOff(perHour),
  recipients: orOff(perHour),
  bytes: orOff(bytesPerHour),
  sessions: orOff(count(1_000_000)),
})

const senderLimitsShape: Shape<SenderLimitsText> = {
  perUser: sender.optional(),
  perPeer: sender.optional(),
}

const address = word('an address such as ann@b.com, *@b.com or <>', (text) =>
  /^[!-~]{1,320}$/.test(text) ? text : undefined,
)

const faultShape: Shape<FaultText> = {
  at: oneOf(FAULT_POINTS),
  sender: address.optional(),
  recipient: address.optional(),
  times: word('which of those that it fits: 2, 2-4 or 2-', (text) => {
    const [, from = '', to] = /^([1-9]\d{0,8})(?:-(\d{0,9}))?$/.exec(text) ?? []
    if (from === '') return undefined
    const first = Number(from)
    if (to === undefined) return { from: first, until: first }
    if (to === '') return { from: first }
    return Number(to) < first ? undefined : { from: first, until: Number(to) }
  }).optional(),
  reply: word('a reply such as 451 4.3.0 Try again', parseReply).optional(),
  delay: duration.optional(),
}

export const policyShape: Shape<PolicyText> = {
  senderLimits: mapping<SenderLimitsText>(senderLimitsShape).optional(),
  faults: listOf(mapping<FaultText>(faultShape), 'a list of faults').optional(),
}

export function completePolicy({
  senderLimits,
  faults,
}: PolicyText): Pick<MailHostOptions, 'senderLimits' | 'faults'> {
  return {
    ...(senderLimits && { senderLimits: completeSenderLimits(senderLimits) }),
    ...(faults && { faults: completeFaults(faults) }),
  }
}

/** A refusal of one line; its class is that of its code. RFC 2034 §4. */
function parseReply(text: string): FaultText['reply'] | undefined {
  const [, code = '', enhanced = '', said = ''] =
    /^([45][0-5]\d) ([45]\.\d{1,3}\.\d{1,3}) ([ -~]{1,400})$/.exec(text) ?? []
  if (code === '' || code[0] !== enhanced[0]) return undefined
  return { code: Number(code), enhanced, lines: [said] }
}

function completeSenderLimits(text: SenderLimitsText): Required<MailHostOptions>['senderLimits'] {
  const { perUser, perPeer } = text
  return {
    ...(perUser && { perUser: completeSender(perUser) }),
    ...(perPeer && { perPeer: completeSender(perPeer) }),
  }
}

function completeSender({ mails, recipients, bytes, sessions }: SenderText): SenderLimits {
  return {
    ...(mails !== undefined && { mailsPerHour: mails }),
    ...(recipients !== undefined && { recipientsPerHour: recipients }),
    ...(bytes !== undefined && { bytesPerHour: bytes }),
    ...(sessions !== undefined && { sessions }),
  }
}

function completeFaults(texts: readonly FaultText[]): readonly InjectedFault[] {
  return texts.map(completeFault)
}

function completeFault({ times, delay, ...fault }: FaultText): InjectedFault {
  return { ...fault, ...times, ...(delay !== undefined && { delayMs: delay }) }
}

/** One fault, by the words of its keys; the problem is what was read and what would be right. */
export function parseFault(
  words: Readonly<Record<string, string>>,
):
  | { readonly ok: true; readonly value: InjectedFault }
  | { readonly ok: false; readonly problem: string } {
  const parsed = mapping<FaultText>(faultShape).safeParse(words)
  if (!parsed.success) {
    const [{ path, message } = { path: [], message: 'something else' }] = parsed.error.issues
    const key = String(path[0])
    const read = words[key] === undefined ? 'is missing' : `is ${JSON.stringify(words[key])}`
    return { ok: false, problem: `${key} ${read}: ${message} would be right` }
  }
  const problem = faultProblem(parsed.data)?.message
  return problem === undefined
    ? { ok: true, value: completeFault(parsed.data) }
    : { ok: false, problem }
}

/** `host` is where they stand in the file. */
export function policyContradictions(
  { faults: texts = [] }: PolicyText,
  host: Path,
): readonly Contradiction[] {
  const at = [...host, 'faults']
  const wrong = texts.flatMap((fault, index): readonly Contradiction[] => {
    const problem = faultProblem(fault)
    if (problem === undefined) return []
    return [{ path: [...at, index, ...problem.path], message: problem.message }]
  })
  if (texts.length <= INJECTED_FAULTS_MAX) return wrong
  return [
    ...wrong,
    { path: at, message: `${texts.length} faults: at most ${INJECTED_FAULTS_MAX} would be right` },
  ]
}

function faultProblem(fault: FaultText): Contradiction | undefined {
  if (fault.reply === undefined && fault.delay === undefined) {
    return { path: [], message: 'a fault without reply and delay: one of them would be right' }
  }
  if (fault.recipient !== undefined && (fault.at === 'EHLO' || fault.at === 'MAIL')) {
    const message = `recipient at ${fault.at}, where none is known: at: RCPT would be right`
    return { path: ['recipient'], message }
  }
  return undefined
}
