/** `ionrc`: the node's number, its clock and its contact plan. */

import { type CommandOf, type Program, perVerb, type Rule, type Rules } from '../grammar.ts'
import { TIME_SEC_MAX } from '../limits.ts'
import {
  ionTime,
  nodeNumber,
  onOff,
  optional,
  share,
  shellCommand,
  timeOr,
  whole,
  wholeAnyBase,
  word,
} from '../params.ts'
import { describeIonTime, type IonTime } from '../time.ts'
import { COMMON_RULES, type CommonCommand, GROUPS, letterProgram } from './common.ts'

/** A contact that is scheduled has times; the other two kinds have none. */
export type ContactTime = IonTime | 'hypothetical' | 'registration'

interface Pair {
  readonly source: bigint
  readonly destination: bigint
}

export type IonadminCommand =
  | CommonCommand
  | { readonly command: '1'; readonly node: bigint; readonly configFile?: string }
  | { readonly command: '@'; readonly time: IonTime | 'now' }
  | { readonly command: '^'; readonly region: number }
  | { readonly command: '!'; readonly isAnnounced: boolean }
  | (Pair & {
      readonly command: 'a contact'
      readonly from: ContactTime
      readonly until: ContactTime
      readonly rateBytesPerSec: number
      readonly confidence?: number
    })
  | (Pair & {
      readonly command: 'c contact'
      readonly from: IonTime
      readonly rateBytesPerSec: number
      readonly confidence?: number
    })
  | (Pair & { readonly command: 'd contact'; readonly from: ContactTime | 'all' })
  | (Pair & { readonly command: 'i contact'; readonly from: ContactTime })
  | (Pair & {
      readonly command: 'a range'
      readonly from: IonTime
      readonly until: IonTime
      readonly owltSec: number
    })
  | (Pair & { readonly command: 'd range'; readonly from: IonTime | 'all' })
  | (Pair & { readonly command: 'i range'; readonly from: IonTime })
  | { readonly command: `${'l' | 'b'} ${'contact' | 'range'}` }
  | { readonly command: 'm utcdelta' | 'm clockerr'; readonly seconds: number }
  | { readonly command: 'm clocksync'; readonly isSynchronized?: boolean }
  | { readonly command: 'm production' | 'm consumption'; readonly bytesPerSec: number }
  | {
      readonly command: 'm inbound' | 'm outbound'
      readonly heapMb: number
      readonly fileMb?: number
    }
  | { readonly command: 'm search'; readonly blocksMax: number }
  | { readonly command: 'm horizon'; readonly until: IonTime | 'none' }
  | { readonly command: 'm alarm'; readonly script: string }
  | { readonly command: 'm usage' }
  | { readonly command: 'r'; readonly line: string }
  | { readonly command: 's' | 'x' }

const CONTACT_WORDS = { '0': 'hypothetical', '-1': 'registration' } as const
const contactTime = timeOr(
  '<from time>',
  CONTACT_WORDS,
  '0 for a hypothetical contact or -1 for a registration',
)
const pair = { source: nodeNumber('<from node#>'), destination: nodeNumber('<to node#>') }
const rate = wholeAnyBase('<xmit rate in bytes per second>', 'bytes per second')
const confidence = optional(
  share('confidence in occurrence; default is 1.0', 'a confidence from 0.0 to 1.0'),
)
const fromTime = ionTime('<from time>')
const CONTACT_NOTES = [
  'Time format is either +ss or yyyy/mm/dd-hh:mm:ss,',
  "except time '0' indicates a hypothetical contact",
  "and time '-1' indicates a 'registration' contact.",
]

const RULES: Rules<IonadminCommand> = {
  ...COMMON_RULES,
  '1': {
    params: {
      node: nodeNumber('<own node number>'),
      configFile: optional({
        ...word('<configuration file name>', "a file name, or '' for none"),
        read: (text) => text,
      }),
    },
    summary: 'Creates the node with its number and its ionconfig file',
    explain: ({ node, configFile }) =>
      configFile ? `create node ${node}, set up by ${configFile}` : `create node ${node}`,
  },
  '@': {
    params: { time: timeOr('<reference time>', { '0': 'now' }, '0 for now') },
    summary: 'Sets the reference time that the +ss of later lines count from',
    explain: ({ time }) => `count later +ss from ${time === 'now' ? 'now' : describeIonTime(time)}`,
    notes: ["To set the reference time to the current time use '@ 0'."],
  },
  '^': {
    params: { region: whole('<region number>', 'a region', { min: 1 }) },
    summary: 'Sets the region of the contacts that follow',
    explain: ({ region }) => `take later contacts as those of region ${region}`,
    withoutEffect: 'all regions are one',
  },
  '!': {
    params: { isAnnounced: onOff },
    summary: 'Announces changes of the contact plan to the region, or stops doing so',
    explain: ({ isAnnounced }) => `${isAnnounced ? '' : 'do not '}announce changes of the plan`,
    withoutEffect: 'the contact plan is not announced',
  },
  'a contact': {
    params: {
      from: contactTime,
      until: { ...contactTime, placeholder: '<until time>' },
      ...pair,
      rateBytesPerSec: rate,
      confidence,
    },
    summary: 'Adds a contact: when the first node is heard by the second, and at what rate',
    explain: ({ from, until, source, destination, rateBytesPerSec }) => {
      if (typeof from === 'string') return `add the ${from} contact of ${source} and ${destination}`
      const end = typeof until === 'string' ? until : describeIonTime(until)
      return `let ${source} send to ${destination} at ${rateBytesPerSec} bytes/s from ${describeIonTime(from)} until ${end}`
    },
    notes: CONTACT_NOTES,
  },
  'c contact': {
    params: { from: fromTime, ...pair, rateBytesPerSec: rate, confidence },
    summary: "Changes a contact's rate and confidence",
    explain: ({ from, source, destination, rateBytesPerSec }) =>
      `change the contact of ${source} to ${destination} from ${describeIonTime(from)} to ${rateBytesPerSec} bytes/s`,
  },
  'd contact': {
    params: {
      from: timeOr('<from time>', { ...CONTACT_WORDS, '*': 'all' }, '0, -1, or * for all'),
      ...pair,
    },
    summary: 'Deletes a contact, or with * all of a pair',
    explain: ({ from, source, destination }) =>
      from === 'all'
        ? `delete all contacts of ${source} to ${destination}`
        : `delete the contact of ${source} to ${destination} from ${described(from)}`,
    notes: ["To delete all contacts or ranges for some pair of nodes, use '*' as <from time>."],
  },
  'i contact': {
    params: { from: contactTime, ...pair },
    summary: 'Shows a contact',
    explain: ({ from, source, destination }) =>
      `show the contact of ${source} to ${destination} from ${described(from)}`,
  },
  'a range': {
    params: {
      from: fromTime,
      until: ionTime('<until time>'),
      ...pair,
      owltSec: wholeAnyBase('<OWLT, i.e., range in light seconds>', 'light seconds'),
    },
    summary:
      'Adds a range: how far apart two nodes are, both ways when the lower number comes first',
    explain: ({ from, until, source, destination, owltSec }) =>
      `set the distance of ${source} and ${destination} to ${owltSec} light seconds from ${describeIonTime(from)} until ${describeIonTime(until)}${source > destination ? ', in this direction only' : ''}`,
  },
  'd range': {
    params: { from: timeOr('<from time>', { '*': 'all' }, '* for all'), ...pair },
    summary: 'Deletes a range, or with * all of a pair',
    explain: ({ from, source, destination }) =>
      from === 'all'
        ? `delete all ranges of ${source} and ${destination}`
        : `delete the range of ${source} and ${destination} from ${describeIonTime(from)}`,
  },
  'i range': {
    params: { from: fromTime, ...pair },
    summary: 'Shows a range',
    explain: ({ from, source, destination }) =>
      `show the range of ${source} and ${destination} from ${describeIonTime(from)}`,
  },
  ...perVerb(['l'], 'contact', () => listing('Lists the contacts', 'list the contacts')),
  ...perVerb(['l'], 'range', () => listing('Lists the ranges', 'list the ranges')),
  ...perVerb(['b'], 'contact', () => brief('contact')),
  ...perVerb(['b'], 'range', () => brief('range')),
  'm utcdelta': {
    params: {
      seconds: whole('<local clock time minus UTC, in seconds>', 'seconds', {
        min: -TIME_SEC_MAX,
        max: TIME_SEC_MAX,
      }),
    },
    summary: 'Says how far the local clock is ahead of UTC',
    explain: ({ seconds }) => `take the local clock as ${seconds} s ahead of UTC`,
    withoutEffect: "the machine's clock is taken as it is",
  },
  'm clockerr': {
    params: {
      seconds: whole('<new known maximum clock error, in seconds>', 'seconds', { max: 60 }),
    },
    summary: 'Says how wrong clocks may be: contacts begin so much later and end so much earlier',
    explain: ({ seconds }) => `expect clocks to be wrong by up to ${seconds} s`,
    withoutEffect: 'contacts begin and end when they say',
  },
  'm clocksync': {
    params: { isSynchronized: optional(onOff) },
    summary: 'Says whether the clock is right, or shows what was said',
    explain: ({ isSynchronized }) =>
      isSynchronized === undefined
        ? 'show whether the clock counts as right'
        : `take the clock as ${isSynchronized ? 'right' : 'wrong'}`,
    withoutEffect: "the machine's clock counts as right",
  },
  ...perVerb(['m'], 'production', () => planned('production')),
  ...perVerb(['m'], 'consumption', () => planned('consumption')),
  ...perVerb(['m'], 'inbound', () => occupancy('inbound')),
  ...perVerb(['m'], 'outbound', () => occupancy('outbound')),
  'm search': {
    params: { blocksMax: whole('<max free blocks to search through>', 'blocks') },
    summary: 'Bounds the search for free space in the heap',
    explain: ({ blocksMax }) => `search at most ${blocksMax} blocks for free space`,
    withoutEffect: 'there is no shared heap',
  },
  'm horizon': {
    params: {
      until: timeOr('{ 0 | <end time for congestion forecasts> }', { '0': 'none' }, '0 for none'),
    },
    summary: 'Sets how far congestion is forecast',
    explain: ({ until }) =>
      until === 'none'
        ? 'forecast congestion without end'
        : `forecast congestion until ${describeIonTime(until)}`,
    withoutEffect: 'no congestion is forecast; a full store refuses',
  },
  'm alarm': {
    params: { script: shellCommand('<congestion alarm script>', 'mail -s full admin') },
    summary: 'Sets what is run when congestion is forecast',
    explain: ({ script }) => `run ${script} when congestion is forecast`,
    withoutEffect: 'no congestion is forecast',
  },
  'm usage': listing('Shows how full the node is', 'show how full the node is'),
  r: {
    params: { line: shellCommand('<command>', 'ipnadmin bench.ipnrc') },
    summary: 'Runs another program, such as an admin program',
    explain: ({ line }) => `run ${line}`,
  },
  s: { params: {}, summary: 'Starts the node', explain: () => 'start the node' },
  x: { params: {}, summary: 'Stops the node', explain: () => 'stop the node' },
}

export const IONADMIN: Program = letterProgram({
  name: 'ionadmin',
  extension: 'ionrc',
  purpose: "the node's number, its clock and its contact plan",
  tokensMax: 9,
  groups: [
    GROUPS.initialize,
    { letters: ['@'], titles: ['At'] },
    { letters: ['^'], titles: ['Region'] },
    { letters: ['!'], titles: ['Announce'] },
    GROUPS.add,
    GROUPS.change,
    GROUPS.deleteInfo,
    GROUPS.list,
    { letters: ['b'], titles: ['Brief'] },
    { letters: ['m'], titles: ['Manage ION database: clock, space occupancy'] },
    GROUPS.run,
    GROUPS.start,
    GROUPS.stop,
  ],
  rules: RULES,
})

function described(time: ContactTime): string {
  return typeof time === 'string' ? `the ${time}` : describeIonTime(time)
}

function listing(summary: string, explanation: string): ListingRule {
  return { params: {}, summary, explain: () => explanation }
}

interface ListingRule {
  readonly params: Record<never, never>
  readonly summary: string
  explain(): string
}

function brief(noun: 'contact' | 'range'): ListingRule & { readonly withoutEffect: string } {
  return {
    ...listing(
      `Writes the ${noun}s to a file of commands`,
      `write the ${noun}s to a file of commands`,
    ),
    withoutEffect: `"l ${noun}" lists them`,
  }
}

function planned(
  what: 'production' | 'consumption',
): Rule<CommandOf<IonadminCommand, 'm production'>> {
  return {
    params: {
      bytesPerSec: whole(`<new planned ${what} rate, in bytes/sec>`, 'bytes/s, or -1 for unknown', {
        min: -1,
      }),
    },
    summary: `Says how much the applications' ${what} is, for the congestion forecast`,
    explain: ({ bytesPerSec }) =>
      bytesPerSec < 0 ? `expect any ${what}` : `expect a ${what} of ${bytesPerSec} bytes/s`,
    aliases: [what === 'production' ? 'prod' : 'consum'],
    withoutEffect: 'no congestion is forecast',
  }
}

function occupancy(way: 'inbound' | 'outbound'): Rule<CommandOf<IonadminCommand, 'm inbound'>> {
  const limit = (where: string): string => `<new ${way} ZCO ${where} occupancy limit, in MB>`
  return {
    params: {
      heapMb: whole(limit('heap'), 'MB, or -1 for unchanged', { min: -1 }),
      fileMb: optional(whole(limit('file'), 'MB, or -1 for unchanged', { min: -1 })),
    },
    summary: `Bounds the memory of ${way} bundles`,
    explain: ({ heapMb }) =>
      heapMb < 0
        ? `keep the bound for ${way} bundles in memory`
        : `keep at most ${heapMb} MB of ${way} bundles in memory`,
    aliases: [way.slice(0, -'bound'.length)],
    withoutEffect: 'one store on the disk has one bound',
  }
}
