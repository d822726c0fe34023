/** What a node's file says of checks on mail from outside, and of signatures on mail from here. */

import type { MailHostOptions } from '../bridge/mail-host-options.ts'
import { network } from './mail-routing.ts'
import { listOf, mapping, oneOf, type Shape, word } from './schema.ts'

type Authentication = Required<MailHostOptions>['authentication']

interface AuthenticationText {
  readonly check: 'on' | 'off'
  readonly dmarc: Authentication['dmarc']
  readonly spf: Authentication['spf']
  readonly trusted: Authentication['trusted']
}

export interface MailAuthenticationText {
  readonly authentication: AuthenticationText
  readonly dkim?: DkimText
}

export interface DkimText {
  /** Of the keys; from the folder of the file that names it. */
  readonly directory: string
}

const authenticationShape: Shape<AuthenticationText> = {
  check: oneOf(['on', 'off']).default('on'),
  dmarc: oneOf(['none', 'quarantine', 'reject']).default('none'),
  spf: oneOf(['none', 'reject']).default('none'),
  trusted: listOf(network, 'a list of networks such as [127.0.0.0/8, ::1/128]').prefault([
    '127.0.0.0/8',
    '::1/128',
  ]),
}

const dkimShape: Shape<DkimText> = {
  directory: word('a path such as ../var/mail-1/dkim', (text) => text || undefined),
}

export const mailAuthenticationShape: Shape<MailAuthenticationText> = {
  authentication: mapping<AuthenticationText>(authenticationShape).prefault({}),
  dkim: mapping<DkimText>(dkimShape).optional(),
}

/** Undefined where mail from outside is not looked at. */
export function completeAuthentication({
  check,
  ...options
}: AuthenticationText): Authentication | undefined {
  return check === 'on' ? options : undefined
}
