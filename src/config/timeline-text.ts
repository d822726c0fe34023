/** What a scenario says of its timeline, in words. */

import type { z } from 'zod'
import type { WallMs } from '../base/time.ts'
import { parseMailbox } from '../proto/smtp/path.ts'
import { type TimeText, time } from './contacts.ts'
import {
  completeQuality,
  type QualityText,
  qualityContradictions,
  qualityShape,
  sinceStart,
} from './link-text.ts'
import type { Contradiction } from './problems.ts'
import { count, listOf, mapping, type Shape, size, word, yesOrNo } from './schema.ts'
import { some, unknown } from './suggestion.ts'
import type { Claim, TimelineAction, TimelineEvent, TimelineMail } from './timeline.ts'
import type { Path } from './yaml.ts'

export interface EventText {
  readonly at: TimeText
  readonly down?: readonly string[]
  readonly up?: readonly string[]
  readonly change?: ChangeText
  readonly kill?: string
  readonly start?: string
  readonly restart?: string
  readonly wipe?: string
  readonly submit?: SubmitText
  readonly assert?: ClaimText
}

type ChangeText = QualityText & { readonly between: readonly string[]; readonly oneWay?: boolean }

interface SubmitText {
  readonly name: string
  readonly from: string
  readonly to: readonly string[]
  readonly size?: number
}

interface ClaimText {
  readonly delivered?: string
  readonly notDelivered?: string
  readonly mailbox?: string
  readonly count?: number
}

const name = word('a name such as first', (text) =>
  /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(text) ? text : undefined,
)
const host = word('the name of a host', (text) => text.toLowerCase() || undefined)
const networks = listOf(name, 'two networks such as [earth, moon]')
const address = word('an address such as user@mail-1.a.com', (text) =>
  parseMailbox(text) === undefined ? undefined : text,
)

const changeShape: Shape<ChangeText> = {
  between: networks.describe('the networks that the link joins'),
  oneWay: yesOrNo
    .optional()
    .describe('`yes`: only what goes from the first to the second; without it both directions'),
  ...qualityShape,
}

export const change: z.ZodType<ChangeText, unknown> = mapping<ChangeText>(changeShape)

export const submit: z.ZodType<SubmitText, unknown> = mapping<SubmitText>({
  name: name.describe('what claims call the mail, which has it as its subject'),
  from: address.describe('a user of a host, which takes the mail by submission or SMTP'),
  to: listOf(address, 'a list of addresses such as [user@mail-2.a.com]').describe('the recipients'),
  size: size.optional().describe('of its body; without it 200B'),
})

export const claim: z.ZodType<ClaimText, unknown> = mapping<ClaimText>({
  delivered: name
    .optional()
    .describe('a submitted mail is in the mailbox of each of its recipients, once'),
  notDelivered: name.optional().describe('a submitted mail is in the mailbox of none'),
  mailbox: address.optional().describe('whose mailbox has `count` mails'),
  count: count(1_000_000).optional().describe('how many mails are in `mailbox`'),
})

export const event: z.ZodType<EventText, unknown> = mapping<EventText>({
  at: time.describe('when'),
  down: networks.optional().describe('the link between these networks carries nothing more'),
  up: networks.optional().describe('it does again'),
  change: change.optional().describe('the link is another from then on, see below'),
  kill: host.optional().describe('the host loses its power: what is not on its disk is gone'),
  start: host.optional().describe('it has power again, and starts'),
  restart: host.optional().describe('its power fails, and comes back at once'),
  wipe: host.optional().describe('the same, and its disk is empty'),
  submit: submit.optional().describe('a user submits a mail, see below'),
  assert: claim.optional().describe('what has to be so at that moment, see below'),
})

const ACTIONS = [
  'down',
  'up',
  'change',
  'kill',
  'start',
  'restart',
  'wipe',
  'submit',
  'assert',
] as const

type ActionKey = (typeof ACTIONS)[number]

const BODY_BYTES = 200

/** In order of time. */
export function completeTimeline(
  events: readonly EventText[],
  startsAt: WallMs,
): readonly TimelineEvent[] {
  return events
    .flatMap((one): readonly TimelineEvent[] => {
      const action = actionOf(one, startsAt)
      return action === undefined ? [] : [{ atMs: sinceStart(one.at, startsAt), action }]
    })
    .sort((a, b) => a.atMs - b.atMs)
}

function actionOf(text: EventText, startsAt: WallMs): TimelineAction | undefined {
  const { down, up, change, submit, assert } = text
  if (down) return { type: 'link-down', link: { between: pairOf(down) } }
  if (up) return { type: 'link-up', link: { between: pairOf(up) } }
  if (change) {
    const { between, oneWay, ...quality } = change
    const link = { between: pairOf(between), ...(oneWay !== undefined && { oneWay }) }
    return { type: 'link-change', link, change: completeQuality(quality, startsAt) }
  }
  for (const type of ['kill', 'start', 'restart', 'wipe'] as const) {
    const host = text[type]
    if (host !== undefined) return { type, host }
  }
  if (submit) {
    const { size: sizeBytes = BODY_BYTES, ...mail } = submit
    return { type: 'submit', mail: { ...mail, sizeBytes } satisfies TimelineMail }
  }
  const claim = assert && claimOf(assert)
  return claim && { type: 'assert', claim }
}

function pairOf(names: readonly string[]): readonly [string, string] {
  return [names[0] ?? '', names[1] ?? '']
}

function claimOf({ delivered, notDelivered, mailbox, count }: ClaimText): Claim | undefined {
  if (delivered !== undefined) return { type: 'delivered', mail: delivered }
  if (notDelivered !== undefined) return { type: 'not-delivered', mail: notDelivered }
  return mailbox === undefined || count === undefined
    ? undefined
    : { type: 'count', mailbox, count }
}

/** What the events may speak of. */
export interface TimelineStage {
  readonly startsAt: WallMs
  readonly hosts: readonly string[]
  /** The networks that each joins. */
  readonly links: readonly (readonly string[])[]
  /** `user@domain`, of every user in every domain of the user's host. */
  readonly mailboxes: readonly string[]
  /** Of these whoever writes has a host that takes mail. */
  readonly senders: readonly string[]
}

export function timelineContradictions(
  events: readonly EventText[],
  at: Path,
  stage: TimelineStage,
): readonly Contradiction[] {
  const submitted = events.flatMap(({ submit }) => (submit ? [submit.name] : []))
  return events.flatMap((one, index): readonly Contradiction[] => {
    const path = [...at, index]
    const actions = ACTIONS.filter((key) => one[key] !== undefined)
    const [action, second] = actions
    if (action === undefined) {
      return [
        {
          path,
          message: `an event with nothing to do: one of ${ACTIONS.join(', ')} would be right`,
        },
      ]
    }
    if (second !== undefined) {
      const message = `${second} beside ${action}: an event of its own would be right`
      return [{ path: [...path, second], message }]
    }
    const wrong =
      sinceStart(one.at, stage.startsAt) < 0
        ? [
            {
              path: [...path, 'at'],
              message: 'a time before the start: +0s or later would be right',
            },
          ]
        : []
    return [...wrong, ...actionContradictions(one, action, path, { ...stage, submitted, index })]
  })
}

interface EventStage extends TimelineStage {
  /** The names of the mails of the timeline, in its order. */
  readonly submitted: readonly string[]
  readonly index: number
}

function actionContradictions(
  text: EventText,
  action: ActionKey,
  path: Path,
  stage: EventStage,
): readonly Contradiction[] {
  const at = [...path, action]
  switch (action) {
    case 'down':
    case 'up':
      return linkContradictions(text[action] ?? [], at, stage)
    case 'change': {
      const { between, oneWay: _, ...quality } = text.change ?? { between: [] }
      const nothing = Object.keys(quality).length === 0
      return [
        ...linkContradictions(between, [...at, 'between'], stage),
        ...(nothing
          ? [{ path: at, message: 'a change of nothing: a key such as loss: 10% would be right' }]
          : []),
        ...qualityContradictions(quality, at, stage.startsAt),
      ]
    }
    case 'submit':
      return submitContradictions(text.submit, at, stage)
    case 'assert':
      return claimContradictions(text.assert ?? {}, at, stage)
    default:
      return known('host', text[action] ?? '', stage.hosts, at)
  }
}

function linkContradictions(
  between: readonly string[],
  path: Path,
  { links }: TimelineStage,
): readonly Contradiction[] {
  const isThere = links.some(
    (link) =>
      between.length === 2 &&
      between[0] !== between[1] &&
      between.every((name) => link.includes(name)),
  )
  if (isThere) return []
  const names = links.map((link) => `[${link.join(', ')}]`)
  const expected = names.length === 0 ? 'a link' : `one of ${some(names)}`
  return [{ path, message: `no link between ${between.join(', ')}: ${expected} would be right` }]
}

function submitContradictions(
  text: SubmitText | undefined,
  at: Path,
  { submitted, mailboxes, senders }: EventStage,
): readonly Contradiction[] {
  if (text === undefined) return []
  const wrong: Contradiction[] = []
  if (submitted.filter((name) => name === text.name).length > 1) {
    const message = `several mails have the name ${text.name}: one of its own would be right`
    wrong.push({ path: [...at, 'name'], message })
  }
  if (text.to.length === 0) {
    wrong.push({ path: [...at, 'to'], message: 'a mail to nobody: an address would be right' })
  }
  return [
    ...wrong,
    ...known('sender', text.from, senders, [...at, 'from']),
    ...text.to.flatMap((to, index) => known('mailbox', to, mailboxes, [...at, 'to', index])),
  ]
}

function claimContradictions(
  { delivered, notDelivered, mailbox, count }: ClaimText,
  at: Path,
  { submitted, mailboxes }: EventStage,
): readonly Contradiction[] {
  const isCount = mailbox !== undefined && count !== undefined
  const claims = [delivered, notDelivered, isCount ? mailbox : undefined]
  const isOne = claims.filter((one) => one !== undefined).length === 1
  if (!isOne || (mailbox === undefined) !== (count === undefined)) {
    const message = 'not one claim: delivered, notDelivered, or mailbox with count would be right'
    return [{ path: at, message }]
  }
  return [
    ...(delivered === undefined ? [] : known('mail', delivered, submitted, [...at, 'delivered'])),
    ...(notDelivered === undefined
      ? []
      : known('mail', notDelivered, submitted, [...at, 'notDelivered'])),
    ...(mailbox === undefined ? [] : known('mailbox', mailbox, mailboxes, [...at, 'mailbox'])),
  ]
}

/** Nothing where it is one of them. */
function known(
  what: string,
  name: string,
  names: readonly string[],
  path: Path,
): readonly Contradiction[] {
  return names.includes(name) ? [] : [{ path, message: unknown(what, name, names) }]
}
