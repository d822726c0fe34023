/** What a file says of the services by which users read their mail. */

import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import {
  countFromOne,
  duration,
  mapping,
  oneOf,
  orOff,
  patience,
  type Shape,
  socketAddress,
} from './schema.ts'
import { perMinute, SESSIONS_CONFIGURED_MAX } from './smtp.ts'

export const ACCESS_SERVICES = ['imap', 'imaps', 'pop3', 'pop3s'] as const

type Options = Required<MailHostOptions>

/** As it is written, each value read. */
export interface AccessText {
  readonly imap?: PortText & Pick<Options['imap'], 'plaintextAuth'>
  readonly imaps?: PortText
  readonly pop3?: Pop3Text & Pick<Options['pop3'], 'plaintextAuth'>
  readonly pop3s?: Pop3Text
}

interface PortText extends Omit<Options['imaps'], 'oneWayDelayMs'> {
  readonly oneWayDelay: number
}

interface Pop3Text extends PortText {
  readonly loginDelay?: number
}

const port: Shape<PortText> = {
  listen: socketAddress,
  oneWayDelay: duration.default(0),
  sessionsMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
  sessionsPerPeerMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
  connectionsPerPeerMax: orOff(perMinute),
}

const pop3Port: Shape<Pop3Text> = { ...port, loginDelay: orOff(patience) }

const plaintextAuth = oneOf(['allow', 'refuse']).default('refuse')

export const accessShape: Shape<AccessText> = {
  imap: orOff(mapping<Required<AccessText>['imap']>({ ...port, plaintextAuth })),
  imaps: orOff(mapping<PortText>(port)),
  pop3: orOff(mapping<Required<AccessText>['pop3']>({ ...pop3Port, plaintextAuth })),
  pop3s: orOff(mapping<Pop3Text>(pop3Port)),
}

export function completeAccess({
  imap,
  imaps,
  pop3,
  pop3s,
}: AccessText): Pick<MailHostOptions, (typeof ACCESS_SERVICES)[number]> {
  return {
    ...(imap && { imap: { ...portOf(imap), plaintextAuth: imap.plaintextAuth } }),
    ...(imaps && { imaps: portOf(imaps) }),
    ...(pop3 && { pop3: { ...pop3Of(pop3), plaintextAuth: pop3.plaintextAuth } }),
    ...(pop3s && { pop3s: pop3Of(pop3s) }),
  }
}

function pop3Of({ loginDelay, ...port }: Pop3Text): Options['pop3s'] {
  return { ...portOf(port), ...(loginDelay !== undefined && { loginDelayMs: loginDelay }) }
}

function portOf({ oneWayDelay, ...options }: PortText): Options['imaps'] {
  return { ...options, oneWayDelayMs: oneWayDelay }
}
