/** What a file says of mail to other servers, by SMTP and LMTP, and to programs. */

import type { z } from 'zod'
import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { parseNextHop } from '../proto/smtp/next-hop.ts'
import type { Contradiction } from './problems.ts'
import { duration, mapping, oneOf, orFile, pairsOf, type Shape, word, yesOrNo } from './schema.ts'
import type { Path } from './yaml.ts'

export interface OutgoingText {
  readonly tls: Outgoing['tls']
  readonly oneWayDelay: number
  readonly mtaSts: boolean
  readonly pipelining: boolean
  readonly routes: readonly (readonly [route: string, own: RouteText])[]
}

interface RouteText {
  readonly tls?: Outgoing['tls']
  readonly oneWayDelay?: number
  readonly pipelining?: boolean
  /** Or the file that has them, from the folder of the file that names it. */
  readonly credentials?: Credentials | string
}

type Outgoing = Required<MailHostOptions>['outgoing']
type OutgoingRoute = Required<Outgoing>['routes'][number]
type Credentials = Required<OutgoingRoute>['credentials']

const serverRoute = word('a route such as smtp:[host]:587, smtp:b.com or lmtp:host:24', (text) => {
  const hop = parseNextHop(text)
  const isServer =
    hop?.transport === 'lmtp' || (hop?.transport === 'smtp' && hop.host !== undefined)
  return isServer ? text : undefined
}) as z.ZodType<string, string>

const part = word('a text of 1 to 255 characters, none of them a control', (text) =>
  /^[^\p{Cc}]{1,255}$/u.test(text) ? text : undefined,
)

const credentials: z.ZodType<Credentials, unknown> = mapping<Credentials>({
  user: part,
  password: part,
})

const tls = oneOf(['never', 'offered', 'required'])

function outgoingWith(
  credentials: z.ZodType<Credentials | string, unknown>,
): z.ZodType<OutgoingText, unknown> {
  const routeShape: Shape<RouteText> = {
    tls: tls.optional(),
    oneWayDelay: duration.optional(),
    pipelining: yesOrNo.optional(),
    credentials: credentials.optional(),
  }
  return mapping<OutgoingText>({
    tls: tls.default('offered'),
    oneWayDelay: duration.default(0),
    mtaSts: yesOrNo.default(true),
    pipelining: yesOrNo.default(true),
    routes: pairsOf(
      serverRoute,
      mapping<RouteText>(routeShape),
      'a mapping such as smtp:[mx.b.com]:587: { tls: required }',
    ).default([]),
  }).prefault({})
}

export interface PipeText {
  readonly user?: string
  readonly timeLimit?: number
}

export const pipeText: z.ZodType<PipeText, unknown> = mapping<PipeText>({
  user: word('the name of a user such as nobody', (text) =>
    /^[A-Za-z_][A-Za-z0-9_.-]{0,31}$/.test(text) ? text : undefined,
  ).optional(),
  timeLimit: duration.optional(),
})

export function completePipe({ user, timeLimit }: PipeText): Required<MailHostOptions>['pipe'] {
  return {
    ...(user !== undefined && { user }),
    ...(timeLimit !== undefined && { timeLimitMs: timeLimit }),
  }
}

/** As a scenario has it. */
export const plainOutgoingText: z.ZodType<OutgoingText, unknown> = outgoingWith(credentials)

/** As a host's file has it. */
export const outgoingText: z.ZodType<OutgoingText, unknown> = outgoingWith(
  orFile(credentials, 'a file such as relay.password, or a mapping with the keys user, password'),
)

export function completeOutgoing(text: OutgoingText): Outgoing {
  const { tls, oneWayDelay, mtaSts, pipelining, routes } = text
  return {
    tls,
    oneWayDelayMs: oneWayDelay,
    mtaSts,
    pipelining,
    routes: routes.map(([route, own]) => ({
      route,
      ...(own.tls !== undefined && { tls: own.tls }),
      ...(own.oneWayDelay !== undefined && { oneWayDelayMs: own.oneWayDelay }),
      ...(own.pipelining !== undefined && { pipelining: own.pipelining }),
      ...(typeof own.credentials === 'object' && { credentials: own.credentials }),
    })),
  }
}

/** By route, the file that has its credentials. */
export function credentialFilesOf({ routes }: OutgoingText): ReadonlyMap<string, string> {
  const files = new Map<string, string>()
  for (const [route, { credentials }] of routes) {
    if (typeof credentials === 'string') files.set(route, credentials)
  }
  return files
}

export function outgoingContradictions(outgoing: OutgoingText, at: Path): readonly Contradiction[] {
  return outgoing.routes.flatMap(([route, { tls = outgoing.tls, credentials }]) => {
    const isSafe = tls === 'required' || route.startsWith('smtps:')
    if (credentials === undefined || isSafe) return []
    const message = `credentials while tls is ${tls}, so that they could go to anybody: tls: required would be right`
    return [{ path: [...at, 'routes', route, 'credentials'], message }]
  })
}

/** `user:password`, as a line of Postfix's `smtp_sasl_password_maps` ends; undefined where it is none. */
export function parseCredentials(text: string): Credentials | undefined {
  const [, user, password] = /^([^:\p{Cc}]{1,255}):([^\p{Cc}]{1,255})\r?\n?$/u.exec(text) ?? []
  return user === undefined || password === undefined ? undefined : { user, password }
}
