import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Fault } from '../../base/fault.ts'
import { wallMs } from '../../base/time.ts'
import type { AdminAnswer, AdminProgram } from '../../dtn/control/message.ts'
import { formatEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import { IonAdmin } from './admin.ts'
import { readIon } from './ion.ts'
import type { IonNode } from './ion-node.ts'
import { PROGRAMS } from './programs.ts'

const NOON = 1_795_435_200_000

const RC = `## begin ionadmin
1 2
a range +0 +600 2 3 7
a contact +0 +600 2 3 100000
## end ionadmin
## begin bpadmin
1
a scheme ipn 'ipnfw' 'ipnadminep'
a endpoint ipn:2.1 x
a endpoint ipn:2.2 q 'bpsink ipn:2.2'
a protocol udp
a protocol ltp
a induct udp 127.0.0.1:2113 udpcli
a outduct udp 127.0.0.1:3113 udpclo
a outduct udp 127.0.0.1:4113 ''
a outduct ltp 5 ltpclo 1400
s
## end bpadmin
## begin ipnadmin
a plan 3 udp/127.0.0.1:3113 5000
a exit 10 20 ipn:3.0
## end ipnadmin
`

/** A node of the file above, whose changes are kept, or refused with `fault`. */
function stage() {
  const { draft, problems } = readIon([{ file: 'node.rc', text: RC }], {
    readFile: (file) => ({ file, reason: 'no file' }),
    startedAt: wallMs(NOON),
  })
  expect(problems).toEqual([])
  const state = {
    wall: NOON,
    nodes: [] as IonNode[],
    notices: ["a sentence of the node's files"] as readonly string[],
    fault: undefined as Fault | undefined,
  }
  const admin = new IonAdmin(draft, ["a sentence of the node's files"], {
    wall: () => wallMs(state.wall),
    apply: async (node) => {
      if (state.fault !== undefined) throw state.fault
      state.nodes.push(node)
      return state.notices
    },
    processes: { own: 4711, isOpen: (endpoint) => formatEndpointId(endpoint) === 'ipn:2.2' },
    version: 'lightlag 9',
  })
  return { state, admin }
}

let { state, admin } = stage()
let session = admin.session()
beforeEach(() => {
  ;({ state, admin } = stage())
  session = admin.session()
})

async function say(program: AdminProgram, ...lines: readonly string[]): Promise<AdminAnswer> {
  let answer: AdminAnswer = { lines: [], outcome: 'done' }
  for (const [index, text] of lines.entries()) {
    answer = await session.perform({ program, file: 'f', number: index + 1, text })
  }
  return answer
}

describe('what is there is shown in the words of ION', () => {
  const from = ' 2026/11/23-12:00:00'
  const until = ' 2026/11/23-12:10:00'
  test.each([
    [
      'ionadmin',
      'contact',
      `From ${from} to ${until} the xmit rate from node 2 to node 3 is     100000 bytes/sec, confidence 1.000000.`,
    ],
    [
      'ionadmin',
      'range',
      `From ${from} to ${until} the OWLT from node 2 to node 3 is          7 seconds.`,
    ],
    ['bpadmin', 'scheme', 'ipn\tfwdpid: 4711 cmd: ipnfw  admpid: 4711 cmd ipnadminep'],
    [
      'bpadmin',
      'endpoint',
      'ipn:2.1  -1\trule: x  script: ',
      'ipn:2.2  4711\trule: q  script: bpsink ipn:2.2',
    ],
    ['bpadmin', 'protocol', 'udp', 'ltp'],
    ['bpadmin', 'induct', 'udp/127.0.0.1:2113\tpid: 4711  cmd: udpcli'],
    ['bpadmin', 'induct ltp'],
    [
      'bpadmin',
      'outduct',
      'udp/127.0.0.1:3113\tpid: 4711  cmd: udpclo max: 0',
      'udp/127.0.0.1:4113\tpid: 4711  cmd: ? max: 0',
      'ltp/5\tpid: -1  cmd: ltpclo max: 1400',
    ],
    ['bpadmin', 'plan', 'ipn:3.0\tpid: 4711 xmit rate: 5000'],
    ['ipnadmin', 'plan', '3 xmit 127.0.0.1:3113 xmit rate: 5000'],
    ['ipnadmin', 'exit', 'From 10 through 20, forward via ipn:3.0.'],
    ['ipnadmin', 'ovrd'],
  ] as const)('%s: l %s', async (program, noun, ...lines) => {
    expect(await say(program, `l ${noun}`)).toEqual({ lines, outcome: 'done' })
  })

  test('one of them by its name, and a contact by its beginning', async () => {
    const { lines: contacts } = await say('ionadmin', 'l contact')
    for (const [program, line, shown] of [
      ['ionadmin', 'i contact +0 2 3', contacts[0]],
      ['ionadmin', 'i contact 2026/11/23-12:00:00 2 3', contacts[0]],
      ['ionadmin', 'i range +0 2 3', expect.stringContaining('OWLT')],
      ['bpadmin', 'i endpoint ipn:2.1', 'ipn:2.1  -1\trule: x  script: '],
      ['bpadmin', 'i plan ipn:3.0', 'ipn:3.0\tpid: 4711 xmit rate: 5000'],
      ['bpadmin', 'i induct udp 127.0.0.1:2113', expect.stringMatching(/^udp\/127/)],
      ['bpadmin', 'i outduct ltp 5', expect.stringMatching(/^ltp\/5/)],
      ['bpadmin', 'i scheme ipn', expect.stringMatching(/^ipn/)],
      ['bpadmin', 'i protocol ltp', 'ltp'],
      ['ipnadmin', 'i plan 3', '3 xmit 127.0.0.1:3113 xmit rate: 5000'],
      ['ipnadmin', 'i exit 10 20', expect.stringMatching(/^From 10/)],
    ] as const) {
      expect([line, await say(program, line)]).toEqual([line, { lines: [shown], outcome: 'done' }])
    }
    expect(state.nodes).toEqual([])
  })

  test('a plan without a duct, and one by way of a gateway', async () => {
    await say('bpadmin', 'a plan ipn:7.0', 'a plan ipn:8.0', 'g plan ipn:8.0 ipn:3.0')
    expect((await say('ipnadmin', 'l plan')).lines.slice(1)).toEqual([
      '7 xmit none xmit rate: 0',
      '8 relay ipn:3.0 xmit rate: 0',
    ])
  })

  test.each([
    ['bpadmin', 'i plan ipn:9.0', 'Unknown plan.'],
    ['bpadmin', 'i endpoint ipn:2.9', 'Unknown endpoint.'],
    ['bpadmin', 'd scheme dtn', 'Unknown scheme.'],
    ['bpadmin', 'd induct udp x', 'Unknown induct.'],
    ['bpadmin', 'a planduct ipn:3.0 udp x', 'Unknown outduct.'],
    ['bpadmin', 'a induct tcp @ tcpcli', 'Unknown protocol.'],
    ['ipnadmin', 'c plan 9 100', 'Unknown node.'],
    ['ipnadmin', 'd exit 1 2', 'Unknown exit.'],
    ['ionadmin', 'i contact +1 2 3', 'Contact not found in database.'],
    ['ionadmin', 'd contact +0 3 2', 'Contact not found in database.'],
    ['ionadmin', 'i range +1 2 3', 'Range not found in database.'],
  ] as const)('%s of what is not there: %s', async (program, line, reply) => {
    const { lines, outcome } = await say(program, line)
    expect(outcome).toBe('refused')
    expect(lines).toEqual([
      reply,
      expect.stringMatching(/^f:1:\d+: there is no .* would be right$/),
    ])
    expect(state.nodes).toEqual([])
  })
})

describe('what is changed', () => {
  test('is applied as a whole, and shown from then on', async () => {
    expect(await say('ionadmin', 'a contact +1000 +2000 2 3 500')).toEqual({
      lines: [],
      outcome: 'done',
    })
    expect(state.nodes.at(-1)?.contactPlan.contacts).toHaveLength(2)
    expect(await say('ionadmin', 'd contact * 2 3')).toMatchObject({ outcome: 'done' })
    expect(state.nodes.at(-1)?.contactPlan.contacts).toEqual([])
    expect(await say('ionadmin', 'l contact')).toMatchObject({ lines: [] })
    await say('bpadmin', 'a endpoint ipn:2.9 q', 'c endpoint ipn:2.1 q', 'd endpoint ipn:2.2')
    expect(
      state.nodes.at(-1)?.endpoints.map(({ endpoint, rule }) => [formatEndpointId(endpoint), rule]),
    ).toEqual([
      ['ipn:2.1', 'q'],
      ['ipn:2.9', 'q'],
    ])
    await say('bpadmin', 'b plan ipn:3.0')
    expect(state.nodes.at(-1)?.plans).toMatchObject([{ isBlocked: true }])
    await say('ipnadmin', 'd plan 3', 'a plan 4 udp/127.0.0.1:4113')
    expect(state.nodes.at(-1)?.plans).toMatchObject([{ ducts: [{ duct: '127.0.0.1:4113' }] }])
  })

  test('counts relative times from the beginning of the session, until @ says otherwise', async () => {
    state.wall = NOON + 100_500
    const other = admin.session()
    await other.perform({
      program: 'ionadmin',
      file: 'f',
      number: 1,
      text: 'a contact +0 +500 2 4 1',
    })
    expect(state.nodes.at(-1)?.contactPlan.contacts[1]?.from).toBe(NOON + 100_000)
    await say('ionadmin', '@ +60', 'a contact +0 +500 2 5 1', '@ 0', 'a contact +0 +500 2 6 1')
    expect(
      state.nodes
        .at(-1)
        ?.contactPlan.contacts.slice(2)
        .map(({ from }) => from),
    ).toEqual([NOON + 60_000, NOON])
  })

  test('is forgotten when it is over, as ION does', async () => {
    state.wall = NOON + 600_000
    expect(await say('ionadmin', 'l contact')).toEqual({ lines: [], outcome: 'done' })
    expect(await say('ionadmin', 'l range')).toEqual({ lines: [], outcome: 'done' })
    await say('ionadmin', 'a contact +0 +10 2 3 1')
    expect(state.nodes.at(-1)?.contactPlan).toMatchObject({
      contacts: [{ from: NOON }],
      ranges: [],
    })
  })

  test('stays as it was where the line is wrong, or the node cannot', async () => {
    const wrong = await say('ionadmin', 'a contact +600 +700 2 3 1')
    expect(wrong).toEqual({
      lines: [expect.stringMatching(/^f:1:11: a contact .* that overlaps or touches .* right$/)],
      outcome: 'refused',
    })
    state.fault = new Fault('network/in-use', 'the port is taken', { temporary: true })
    expect(await say('bpadmin', 'a induct udp 127.0.0.1:2114 udpcli')).toEqual({
      lines: ['f:1:1: the port is taken'],
      outcome: 'refused',
    })
    state.fault = undefined
    expect((await say('bpadmin', 'l induct')).lines).toHaveLength(1)
    expect((await say('ionadmin', 'l contact')).lines).toHaveLength(1)
  })

  test('is told where a node of ours does it otherwise, once', async () => {
    state.notices = [...state.notices, 'plan ipn:5.0 has no duct that can be used here']
    expect(await say('ipnadmin', 'a plan 5 ltp/5')).toEqual({
      lines: ['f:1:1: plan ipn:5.0 has no duct that can be used here'],
      outcome: 'done',
    })
    expect(await say('ipnadmin', 'c plan 5 100')).toEqual({ lines: [], outcome: 'done' })
    expect(await say('bpadmin', 'm heapmax 1000')).toEqual({
      lines: ['f:1:1: m heapmax is read and changes nothing: there is no shared heap'],
      outcome: 'done',
    })
  })

  test('comes one after the other, whoever asks', async () => {
    const line = (text: string) => ({ program: 'bpadmin' as const, file: 'f', number: 1, text })
    const answers = await Promise.all([
      session.perform(line('a plan ipn:7.0')),
      admin.session().perform(line('a plan ipn:7.0')),
      session.perform(line('d plan ipn:7.0')),
    ])
    expect(answers.map(({ outcome }) => outcome)).toEqual(['done', 'refused', 'done'])
  })
})

describe('the program itself', () => {
  test('helps, tells its version and that a node runs, and ends', async () => {
    for (const help of ['?', 'h']) {
      expect((await say('bpadmin', help)).lines[0]).toBe('Valid commands are:')
    }
    expect(await say('ipnadmin', 'v')).toEqual({ lines: ['lightlag 9'], outcome: 'done' })
    expect(await say('bpadmin', 't')).toEqual({
      lines: ['BP agent is started'],
      outcome: 'started',
    })
    expect(await say('ionadmin', 't p 5')).toEqual({
      lines: ['ION system is started'],
      outcome: 'started',
    })
    expect(await say('ionadmin', 'q')).toEqual({ lines: [], outcome: 'quit' })
    expect(await say('ionadmin', '# comment', '')).toEqual({ lines: [], outcome: 'done' })
  })

  test('what starts and creates the node finds it running', async () => {
    for (const line of ['1', 's']) {
      expect(await say('bpadmin', line)).toEqual({ lines: [], outcome: 'done' })
    }
    expect(await say('ionadmin', '1 2 some.ionconfig')).toMatchObject({ outcome: 'done' })
    expect(state.nodes).toEqual([])
  })

  test.each([
    ['ionadmin', '1 3', '"1 2", or nothing'],
    ['ionadmin', 'x', 'SIGTERM'],
    ['bpadmin', 'x plan ipn:3.0', '"b plan"'],
    ['bpadmin', "r 'ipnadmin more.ipnrc'", 'the program itself'],
    ['ionadmin', 'b contact', '"l contact"'],
    ['ionadmin', 'm usage', '"lightlag node status"'],
  ] as const)('%s cannot %s, and says what would be right', async (program, line, right) => {
    expect(await say(program, line)).toEqual({
      lines: [expect.stringMatching(new RegExp(`^f:1:1: .*${right}.* would be right$`))],
      outcome: 'refused',
    })
    expect(state.nodes).toEqual([])
  })

  test('a typo is answered in the words of ION, with the place and what would be right', async () => {
    expect(await say('bpadmin', 'l plan', 'a pln ipn:3.0')).toEqual({
      lines: [
        'Syntax error at line 2 of bpadmin',
        expect.stringMatching(/^f:2:3: unknown command "a pln" of bpadmin: .* would be right$/),
      ],
      outcome: 'refused',
    })
  })
})

test('property: no line makes it fail, and one that is refused has changed nothing', async () => {
  const names = ['ionadmin', 'bpadmin', 'ipnadmin'] as const
  const words = fc.oneof(
    fc.constantFrom(
      '+0',
      '+600',
      '2',
      '3',
      'ipn:3.0',
      'ipn:2.1',
      'udp',
      '127.0.0.1:3113',
      '*',
      'q',
    ),
    fc.constantFrom('udp/127.0.0.1:3113', "''", '1000', '0', '-1', 'ipn'),
    fc.string({ maxLength: 8 }),
  )
  const line = fc
    .constantFrom(...names)
    .chain((program) =>
      fc
        .tuple(
          fc.constantFrom(...Object.keys(PROGRAMS[program].rules)),
          fc.array(words, { maxLength: 6 }),
        )
        .map(([command, rest]) => ({ program, text: [command, ...rest].join(' ') })),
    )
  const shown = [
    ...['contact', 'range'].map((noun) => ['ionadmin', `l ${noun}`] as const),
    ...['scheme', 'endpoint', 'protocol', 'induct', 'outduct', 'plan'].map(
      (noun) => ['bpadmin', `l ${noun}`] as const,
    ),
  ]
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), async (lines) => {
      const { admin: own, state: kept } = stage()
      const run = own.session()
      const say = (program: AdminProgram, text: string): Promise<AdminAnswer> =>
        run.perform({ program, file: 'f', number: 1, text })
      const look = async (): Promise<unknown> => {
        const all: unknown[] = [kept.nodes.length]
        for (const [program, text] of shown) all.push((await say(program, text)).lines)
        return all
      }
      for (const { program, text } of lines) {
        const before = await look()
        const { outcome } = await say(program, text)
        if (outcome === 'refused') expect([text, await look()]).toEqual([text, before])
      }
    }),
    { numRuns: 100 },
  )
})
