/** The reference of scenarios, made from their schema: docs/scenario.md. */

import type { z } from 'zod'
import { constellation } from './constellation.ts'
import { contact, delay, gemodel } from './link-text.ts'
import { keysOf, keyTable } from './reference.ts'
import { hostPlaceShape, link, network, scenario } from './scenario-text.ts'
import { mapping } from './schema.ts'
import { change, claim, event, submit } from './timeline-text.ts'

interface Section {
  readonly title: string
  readonly text: string
  readonly schema: z.ZodType
  /** Keys that another section has told. */
  readonly without?: z.ZodType
}

const SECTIONS: readonly Section[] = [
  {
    title: 'The file',
    text: 'One YAML file. Every mistake is told as `file:line:column`, with what was read and what would be right, all of them at once.',
    schema: scenario,
  },
  {
    title: 'Networks',
    text: 'A host is on one network. Within a network packets take no time and are never lost.',
    schema: network,
  },
  {
    title: 'Links',
    text: `A link joins two networks. Packets to a network further away cross several: over the fewest there are, the first of
the file where it is the same, whether they are up or not. Nothing tells a sender that a link is down: what is sent over it is lost.

A packet waits until those before it have left, leaves at the rate, and arrives one delay after its last byte has left. Then
come, in this order: loss, duplication, and for each copy reordering or the delay with its jitter, and corruption. A packet with a wrong bit is
lost, because the checksum of IP, TCP or UDP finds it; \`udpChecksum: off\` is for datagrams that have none.`,
    schema: link,
  },
  {
    title: '`gemodel`',
    text: 'The parameters of `tc … netem loss gemodel`. Each packet meets the state that the packet before has left.',
    schema: gemodel,
  },
  {
    title: 'Each of `delays`',
    text: 'In order of time. Before the first and after the last the delay stays as it is there.',
    schema: delay,
  },
  {
    title: 'Each of `contacts`',
    text: `In any order; those of one direction do not overlap. The nodes at both ends know the first thousand as ION's \`a contact\`, at nine
tenths of the rate (the rest is for headers), and hold their bundles until then, unless \`announced\` is \`no\`. What comes
after the thousandth waits until it expires: \`lightlag scenario check\` says when that is, and \`lightlag lab run\` where it came to that.`,
    schema: contact,
  },
  {
    title: 'Hosts',
    text: `Everything that [a mail host's file](configuration.md) has, but \`directory\`, \`tls\`, \`dns\`, \`log\`, \`metrics\` and the files of maps, users
and secrets, which are written out. \`oneWayDelay\` of a plan or a group is that of the links on the way. A host without services is a client.`,
    schema: mapping(hostPlaceShape),
  },
  {
    title: '`constellation`',
    text: `Satellites \`sat-PLANE-INDEX.sky.example\` on networks \`nPLANE-INDEX\` and stations \`station-INDEX.ground.example\` with a user \`user\`, all counted
from 0, nodes from \`ipn:1\`. Each satellite has links to those ahead and behind in its plane, and to those beside it in the next planes but near
the poles. Bundles cross the planes first and go along the plane then, by static plans.`,
    schema: constellation,
  },
  {
    title: 'Each event of `timeline`',
    text: 'One thing, at one time; the events of one moment happen in the order of the file.',
    schema: event,
  },
  {
    title: '`change`',
    text: 'What is said here is other from then on, for what is sent then; the rest stays. A delay takes the place of `delays` and `lightTime`.',
    schema: change,
    without: link,
  },
  {
    title: '`submit`',
    text: 'By the user himself, on his host. A mail that is not taken counts as an assertion that failed.',
    schema: submit,
  },
  {
    title: '`assert`',
    text: 'One claim: `delivered`, `notDelivered`, or `mailbox` with `count`.',
    schema: claim,
  },
]

/** As Markdown. */
export function scenarioReference(): string {
  const sections = SECTIONS.map(({ title, text, schema, without }) => {
    const told = without === undefined ? [] : keysOf(without).map(({ key }) => key)
    const keys = keysOf(schema).filter(({ key }) => key === 'between' || !told.includes(key))
    const others = keys.length < keysOf(schema).length
    const rest = others ? `\nand all other keys of a link that \`back\` may have.\n` : ''
    return `## ${title}\n\n${text}\n\n${keyTable(keys)}${rest}`
  })
  return `${HEAD}\n${sections.join('\n')}`
}

const HEAD = `# Scenarios

A scenario is a world for the lab: networks, the links between them, the hosts on them, and what happens. The folder
[scenarios](../scenarios) has some to start from. Everything random follows from \`seed\`: the same file gives the same run, packet by packet.
This text is what \`lightlag scenario reference\` prints; \`lightlag scenario check FILE\` says what is wrong in a file,
\`lightlag lab run FILE\` plays its timeline and says what came of each event, and which mails can never arrive.

Times are \`+10min\`, from the start, or dates such as \`2026-11-23T08:00:00Z\`.
`
