/** What a file says of the services by which users read their mail. */

import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import {
  countFromOne,
  duration,
  mapping,
  oneOf,
  orOff,
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
  readonly pop3?: PortText & Pick<Options['pop3'], 'plaintextAuth'>
  readonly pop3s?: PortText
}

interface PortText extends Omit<Options['pop3s'], 'oneWayDelayMs'> {
  readonly oneWayDelay: number
}

const port: Shape<PortText> = {
  listen: socketAddress,
  oneWayDelay: duration.default(0),
  sessionsMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
  sessionsPerPeerMax: countFromOne(SESSIONS_CONFIGURED_MAX).optional(),
  connectionsPerPeerMax: orOff(perMinute),
}

const openPort = mapping<Required<AccessText>['pop3']>({
  ...port,
  plaintextAuth: oneOf(['allow', 'refuse']).default('refuse'),
})

export const accessShape: Shape<AccessText> = {
  imap: orOff(openPort),
  imaps: orOff(mapping<PortText>(port)),
  pop3: orOff(openPort),
  pop3s: orOff(mapping<PortText>(port)),
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
    ...(pop3 && { pop3: { ...portOf(pop3), plaintextAuth: pop3.plaintextAuth } }),
    ...(pop3s && { pop3s: portOf(pop3s) }),
  }
}

function portOf({ oneWayDelay, ...options }: PortText): Options['pop3s'] {
  return { ...options, oneWayDelayMs: oneWayDelay }
}
