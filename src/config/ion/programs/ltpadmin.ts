/** `ltprc`: LTP spans and the daemons that receive and send their segments. */

import { type Program, perVerb, type Rule, type Rules } from '../grammar.ts'
import { nodeNumber, optional, share, shellCommand, wholeAnyBase } from '../params.ts'
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

export interface SpanArguments {
  readonly peer: bigint
  readonly exportSessionsMax: number
  readonly importSessionsMax: number
  readonly segmentBytesMax: number
  readonly aggregationBytes: number
  readonly aggregationSec: number
  readonly daemon: string
  /** Negative: as long as its absolute value, and sessions are cancelled when a contact ends. */
  readonly queuingLatencySec?: number
}

export type LtpadminCommand =
  | CommonCommand
  | { readonly command: '1'; readonly sessions: number; readonly ignored?: number }
  | (SpanArguments & { readonly command: `${'a' | 'c'} span` })
  | { readonly command: `${'d' | 'i'} span`; readonly peer: bigint }
  | { readonly command: `${'a' | 'd' | 'i'} seat`; readonly daemon: string }
  | { readonly command: 'l span' | 'l seat' | 'x' }
  | { readonly command: 's'; readonly daemon?: string }
  | { readonly command: 'm heapmax'; readonly bytesMax: number }
  | { readonly command: 'm screening'; readonly isOn: boolean }
  | { readonly command: 'm ownqtime'; readonly seconds: number }
  | { readonly command: 'm maxber'; readonly rate: number }
  | { readonly command: 'm maxbacklog'; readonly blocks: number }
  | WatchCommand

const peer = nodeNumber('<engine ID#>')
const seat = { daemon: shellCommand('<LSI command>', 'udplsi 0.0.0.0:1113') }
const withoutEffect = 'LTP is not spoken yet'
const positive = { min: 1 }

const RULES: Rules<LtpadminCommand> = {
  ...COMMON_RULES,
  '1': {
    params: {
      sessions: wholeAnyBase('<est. max number of sessions>', 'sessions'),
      ignored: optional(wholeAnyBase('<ignored>', 'a number that older files have')),
    },
    summary: 'Creates the LTP engine for so many sessions',
    explain: ({ sessions }) => `create the LTP engine for about ${sessions} sessions`,
    withoutEffect,
  },
  ...perVerb(['a', 'c'], 'span', (verb) => spanRule(verb)),
  ...perVerb(['d', 'i'], 'span', (verb) => ({
    params: { peer },
    summary: `${verb === 'd' ? 'Deletes' : 'Shows'} a span`,
    explain: (command: { readonly command: string; readonly peer: bigint }) =>
      `${verbWord(command)} the span to engine ${command.peer}`,
    withoutEffect,
  })),
  ...perVerb(['a', 'd', 'i'], 'seat', (verb) => ({
    params: seat,
    summary: `${verb === 'a' ? 'Adds' : verb === 'd' ? 'Deletes' : 'Shows'} a seat: a daemon that receives segments`,
    explain: (command: { readonly command: string; readonly daemon: string }) =>
      `${verbWord(command)} the receiver of segments ${command.daemon}`,
    withoutEffect,
  })),
  'l span': { ...listRule('spans'), withoutEffect },
  'l seat': { ...listRule('seats'), withoutEffect },
  s: {
    params: { daemon: optional(seat.daemon) },
    summary: 'Starts the engine; a command here is a seat to add before',
    explain: ({ daemon }) =>
      daemon ? `start the LTP engine, received by ${daemon}` : 'start the LTP engine',
    withoutEffect,
  },
  x: {
    params: {},
    summary: 'Stops the engine',
    explain: () => 'stop the LTP engine',
    withoutEffect,
  },
  'm heapmax': {
    params: {
      bytesMax: wholeAnyBase('<max database heap for any single inbound block>', 'bytes', {
        min: 560,
        max: 65_536,
      }),
    },
    summary: 'Bounds the heap that one arriving block may take; the rest goes to a file',
    explain: ({ bytesMax }) => `keep at most ${bytesMax} bytes of an arriving block in the heap`,
    withoutEffect,
  },
  'm screening': {
    params: {
      isOn: {
        placeholder: '{ y | n }',
        expected: 'y, n, on or off',
        read: (text) => (Object.hasOwn(SCREENING_WORDS, text) ? SCREENING_WORDS[text] : undefined),
        write: (isOn) => (isOn ? 'y' : 'n'),
      },
    },
    summary: 'Drops segments that come outside contacts, or takes them',
    explain: ({ isOn }) => (isOn ? 'drop segments outside contacts' : 'take segments at any time'),
    withoutEffect,
  },
  'm ownqtime': {
    params: { seconds: wholeAnyBase('<own queuing latency, in seconds>', 'seconds') },
    summary: 'Says how long segments wait in the queues of this engine',
    explain: ({ seconds }) => `expect segments to wait ${seconds} s in queues here`,
    withoutEffect,
  },
  'm maxber': {
    params: {
      rate: share('<max expected bit error rate; default is .000001>', 'a bit error rate below 1'),
    },
    summary: 'Says how many bits may be wrong, for the number of retransmissions',
    explain: ({ rate }) => `expect a bit error rate of up to ${rate}`,
    withoutEffect,
  },
  'm maxbacklog': {
    params: { blocks: wholeAnyBase('<max blocks waiting for clients>', 'blocks', { min: 2 }) },
    summary: 'Bounds the blocks that wait for their client',
    explain: ({ blocks }) => `let at most ${blocks} blocks wait for their client`,
    withoutEffect,
  },
  w: watchRule('defghst@=+{}[]', { example: 'df{]', withoutEffect }),
}

export const LTPADMIN: Program = letterProgram({
  name: 'ltpadmin',
  extension: 'ltprc',
  purpose: 'LTP spans and seats',
  tokensMax: 12,
  groups: [
    GROUPS.initialize,
    GROUPS.add,
    GROUPS.change,
    GROUPS.deleteInfo,
    GROUPS.list,
    GROUPS.manage,
    GROUPS.start,
    GROUPS.stop,
    { letters: ['w'], titles: ['Watch LTP activity'] },
  ],
  rules: RULES,
})

const SCREENING_WORDS: Readonly<Record<string, boolean>> = {
  y: true,
  on: true,
  n: false,
  off: false,
}

function spanRule(verb: string): Rule<SpanArguments & { readonly command: string }> {
  return {
    params: {
      peer,
      exportSessionsMax: wholeAnyBase('<max export sessions>', 'sessions', positive),
      importSessionsMax: wholeAnyBase('<max import sessions>', 'sessions', positive),
      segmentBytesMax: wholeAnyBase('<max segment size>', 'bytes', positive),
      aggregationBytes: wholeAnyBase('<aggregation size limit>', 'bytes', positive),
      aggregationSec: wholeAnyBase('<aggregation time limit>', 'seconds', positive),
      daemon: shellCommand('<LSO command>', 'udplso 172.22.0.3:1113'),
      queuingLatencySec: optional(
        wholeAnyBase('queuing latency, in seconds', 'seconds, negative for purging too', {
          min: -86_400,
          max: 86_400,
        }),
      ),
    },
    summary: `${verb === 'a' ? 'Adds' : 'Changes'} a span: how blocks are cut and sent to a peer`,
    explain: (command) =>
      `${verb === 'a' ? 'send' : 'now send'} to engine ${command.peer} in segments of ${command.segmentBytesMax} bytes, blocks of about ${command.aggregationBytes} bytes or ${command.aggregationSec} s, by ${command.daemon}`,
    oldForm: (words) =>
      words === 9 || words === 10 ? [0, 1, 3, 5, 6, 7, 8, ...(words === 10 ? [9] : [])] : undefined,
    oldFormNote: 'the block sizes that older files give here mean nothing any more',
    notes: [
      'If queuing latency is negative, the absolute value of this number is used as the actual queuing latency and session purging is enabled.',
    ],
    withoutEffect,
  }
}
