/** `dtpcrc`: profiles of the delay-tolerant payload conditioning protocol. */

import { type EndpointId, formatEndpointId } from '../../../proto/bpv7/endpoint-id.ts'
import type { Program, Rules } from '../grammar.ts'
import { endpointId, optional, whole, wholeAnyBase } from '../params.ts'
import {
  COMMON_RULES,
  type CommonCommand,
  GROUPS,
  letterProgram,
  listRule,
  verbWord,
  type WatchCommand,
  watchRule,
} from './common.ts'

/** `CUSTODY.PRIORITY[.ORDINAL[.UNRELIABLE.CRITICAL[.LABEL]]]`, what is left out being 0. */
export interface QualityOfService {
  readonly isCustodyWanted: boolean
  /** 0 bulk, 1 standard, 2 expedited. */
  readonly priority: number
  readonly ordinal: number
  readonly isUnreliable: boolean
  readonly isCritical: boolean
  readonly label: number
}

export interface DtpcProfile {
  readonly id: number
  /** 0: neither order nor acknowledgements. */
  readonly retransmissionsMax: number
  readonly aggregationBytes: number
  readonly aggregationSec: number
  readonly lifetimeSec: number
  readonly qos: QualityOfService
  readonly reportTo: EndpointId
  /** Of `rcv,ct,fwd,dlv,del`. */
  readonly reports?: string
}

export type DtpcadminCommand =
  | CommonCommand
  | { readonly command: '1' | 's' | 'x' | 'l profile' }
  | (DtpcProfile & { readonly command: 'a profile' })
  | { readonly command: 'd profile' | 'i profile'; readonly id: number }
  | WatchCommand

const id = wholeAnyBase('<profileID>', 'a profile', { min: 1 })
const withoutEffect = 'a node speaks DTPC for as long as it runs and has a profile'

const RULES: Rules<DtpcadminCommand> = {
  ...COMMON_RULES,
  '1': { params: {}, summary: 'Creates DTPC', explain: () => 'create DTPC' },
  s: { params: {}, summary: 'Starts DTPC', explain: () => 'start DTPC' },
  x: { params: {}, summary: 'Stops DTPC', explain: () => 'stop DTPC', withoutEffect },
  'a profile': {
    params: {
      id,
      retransmissionsMax: wholeAnyBase('<maxRtx>', 'retransmissions'),
      aggregationBytes: wholeAnyBase('<aggrSizeLimit>', 'bytes'),
      aggregationSec: wholeAnyBase('<aggrTimeLimit>', 'seconds'),
      lifetimeSec: wholeAnyBase('<ttl>', 'seconds', { min: 1 }),
      qos: {
        placeholder: '<custody.priority[.ordinal[.unreliable.critical[.label]]]>',
        expected: 'custody and priority such as 0.1, or 0.1.0.0.0: 2, 3, 5 or 6 numbers',
        read: readQos,
        write: writeQos,
      },
      reportTo: { ...endpointId, placeholder: '<report-to-endpoint>' },
      reports: optional({
        placeholder: '<status_report_flags>',
        expected: 'some of rcv, ct, fwd, dlv, del, with commas between',
        read: (text) =>
          text.split(',').every((flag) => REPORT_FLAGS.includes(flag)) ? text : undefined,
        write: (text) => text,
      }),
    },
    summary: 'Adds a profile: how items are collected, sent and acknowledged',
    explain: (profile) =>
      `add profile ${profile.id}: up to ${profile.aggregationBytes} bytes or ${profile.aggregationSec} s together, living ${profile.lifetimeSec} s, sent again up to ${profile.retransmissionsMax} times, reports to ${formatEndpointId(profile.reportTo)}`,
  },
  'd profile': {
    params: { id },
    summary: 'Deletes a profile',
    explain: (command) => `${verbWord(command)} profile ${command.id}`,
  },
  'i profile': {
    params: { id },
    summary: 'Shows a profile',
    explain: (command) => `${verbWord(command)} profile ${command.id}`,
  },
  'l profile': listRule('profiles'),
  w: watchRule('o<r>-lmniuv?*$', { example: 'or-l', withoutEffect: 'nothing is watched' }),
}

export const DTPCADMIN: Program = letterProgram({
  name: 'dtpcadmin',
  extension: 'dtpcrc',
  purpose: 'DTPC profiles',
  tokensMax: 10,
  groups: [
    GROUPS.initialize,
    GROUPS.add,
    GROUPS.deleteInfo,
    GROUPS.list,
    GROUPS.start,
    GROUPS.stop,
    { letters: ['w'], titles: ['Watch DTPC activity'] },
  ],
  rules: RULES,
})

const REPORT_FLAGS = ['rcv', 'ct', 'fwd', 'dlv', 'del']

const QOS = /^([01])\.([0-2])(?:\.(\d{1,3})(?:\.([01])\.([01])(?:\.(\d{1,10}))?)?)?$/

function readQos(text: string): QualityOfService | undefined {
  const match = QOS.exec(text)
  if (match === null) return undefined
  const [custody = 0, priority = 0, ordinal = 0, unreliable = 0, critical = 0, label = 0] = match
    .slice(1)
    .map((digits) => Number(digits ?? 0))
  if (ordinal > 254 || whole('', '').read(String(label)) === undefined) return undefined
  return {
    isCustodyWanted: custody === 1,
    priority,
    ordinal,
    isUnreliable: unreliable === 1,
    isCritical: critical === 1,
    label,
  }
}

function writeQos(qos: QualityOfService): string {
  const head = `${Number(qos.isCustodyWanted)}.${qos.priority}.${qos.ordinal}`
  return `${head}.${Number(qos.isUnreliable)}.${Number(qos.isCritical)}.${qos.label}`
}
