/** What TLS the hosts of a scenario speak. */

import { oneOf, type Shape, yesOrNo } from './schema.ts'

export interface TlsSettings {
  /** The best that a host can do; it can do 1.2 in any case. */
  readonly version: 'TLSv1.2' | 'TLSv1.3'
  /** Clients go on with sessions that they had before, and servers let them. */
  readonly resumption: boolean
}

export const DEFAULT_TLS: TlsSettings = { version: 'TLSv1.3', resumption: false }

export interface TlsSettingsText {
  readonly tlsVersion: TlsSettings['version']
  readonly tlsResumption: boolean
}

export const tlsShape: Shape<TlsSettingsText> = {
  tlsVersion: oneOf(['TLSv1.2', 'TLSv1.3'] as const)
    .prefault(DEFAULT_TLS.version)
    .describe('the best TLS that every host can do'),
  tlsResumption: yesOrNo
    .prefault(DEFAULT_TLS.resumption ? 'yes' : 'no')
    .describe(
      'whether clients go on with sessions that they had, or begin each anew as Lightlag itself does',
    ),
}
