import { describe, expect, test } from 'vitest'
import { DIRECTORY, ToolLab } from '../../../test/support/tool-lab.ts'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import type { AdminAnswer, AdminLine } from '../control/message.ts'
import { TOOLS } from './tools.ts'

const NOTE = `From: alice@ion
To: bob@ion
Subject: Multi-line Test

Hello Bob,
This is the first line.
This is the second line.
!
`

test("bpdriver's bundles are counted by bpcounter, both with ION's summary", async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  const counter = three.start('bpcounter ipn:3.2 3')
  await lab.runFor(1)
  const driver = await two.run('bpdriver 3 ipn:2.2 ipn:3.2 -10000')
  expect(driver.output).toBe(
    [
      '0',
      'Stopping bpdriver.',
      'Total bundles: 3',
      'Time (seconds): 0.000',
      'Total bytes: 30000',
      'Interval is too short to measure rate.',
      '',
    ].join('\n'),
  )
  expect(await lab.perform(counter.status)).toBe(0)
  expect(counter.output).toBe(
    [
      'Bundles received: 3',
      'Stopping bpcounter; bundles received: 3',
      'Time (seconds): 0.100',
      'Total bytes: 30000',
      'Throughput (Mbps): 2.400',
      '',
    ].join('\n'),
  )
})

test('bpcounter tells its count every five seconds and ends at Ctrl-C', async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  const counter = three.start('bpcounter ipn:3.2')
  await two.run('bpsource ipn:3.2 hello')
  await lab.runFor(11_000)
  counter.interrupt()
  await lab.perform(counter.status)
  expect(counter.output).toBe(
    [
      'Bundles received: 1',
      'Bundles received: 1',
      'BP reception interrupted.',
      'Bundles received: 1',
      'Stopping bpcounter; bundles received: 1',
      'Time (seconds): 10.500',
      'Total bytes: 5',
      'Throughput (Mbps): 0.000',
      '',
    ].join('\n'),
  )
})

test("bpsource carries the note's lines to bpsink, each in a bundle, byte for byte", async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  const sink = three.start('bpsink ipn:3.2')
  await lab.runFor(1)
  const source = await two.run('bpsource ipn:3.2', NOTE)
  expect(source.output).toBe(': '.repeat(8))
  await lab.runFor(2000)
  sink.interrupt()
  expect(await lab.perform(sink.status)).toBe(0)
  const lines = NOTE.split('\n').filter((line) => line !== '' && line !== '!')
  expect(sink.output).toBe(
    [
      ...lines.flatMap((line) => [
        'ION event: Payload delivered.',
        `\tpayload length is ${line.length}.`,
        `\t'${line}'`,
      ]),
      'BP reception interrupted.',
      'ION event: Reception interrupted.',
      'Stopping bpsink.',
      '',
    ].join('\n'),
  )
})

test('bpsource sends anonymously, and lines beyond 255 octets in pieces', async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  const counter = three.start('bpcounter ipn:3.2 2')
  await two.run('bpsource ipn:3.2 -t60', `${'x'.repeat(300)}\r\n`)
  await lab.perform(counter.status)
  expect(counter.output).toContain('Total bytes: 300\n')
  expect(two.events.find(({ type }) => type === 'bundle-created')).toMatchObject({
    bundle: expect.stringMatching(/^dtn:none\//),
    lifetimeMs: 60_000,
  })
})

test('bping measures the round trip that bpecho closes', async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  const echo = three.start('bpecho ipn:3.2')
  await lab.runFor(1)
  const ping = await two.run('bping -c 2 -q 3 -v ipn:2.2 ipn:3.2')
  expect(ping.output).toBe(
    [
      '64 bytes from ipn:3.2  seq=0 time=1.000000 s',
      '64 bytes from ipn:3.2  seq=1 time=1.000000 s',
      '2 bundles transmitted, 2 bundles received, 0.00% bundle loss, time 4.000000 s',
      'rtt min/avg/max/sdev = 1000.000/1000.000/1000.000/0.000 ms',
      '',
    ].join('\n'),
  )
  expect(ping.errors).toContain('Sending 2 bundles from ipn:2.2 to ipn:3.2 (rpt-to: none)')
  expect(await ping.status).toBe(0)
  echo.interrupt()
  await lab.perform(echo.status)
  expect(echo.output).toBe('..BP reception interrupted.\n!')
})

test('bping to nobody tells the loss and exits with 1', async () => {
  const lab = await ToolLab.start()
  const ping = await lab.nodes[0].run('bping -c 1 -q 2 -i 0.5 ipn:2.2 ipn:3.2')
  expect(await ping.status).toBe(1)
  expect(ping.output).toBe(
    'read interval of 0.5 ad 0.500000\n' +
      '1 bundles transmitted, 0 bundles received, 100.00% bundle loss, time 2.000000 s\n',
  )
})

test('bpdriver waits for each echo when its payload size is above 0', async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  three.start('bpecho ipn:3.2')
  await lab.runFor(1)
  const driver = await two.run('bpdriver 2 ipn:2.2 ipn:3.2 t60 500')
  expect(driver.output).toContain('Total bundles: 2\nTime (seconds): 2.000\nTotal bytes: 1000\n')
})

test('bpdriver keeps to its rate', async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  const counter = three.start('bpcounter ipn:3.2 11')
  await two.run('bpdriver 11 ipn:2.2 ipn:3.2 -1000 i8000')
  await lab.perform(counter.status)
  expect(counter.output).toContain('Time (seconds): 10.100\nTotal bytes: 11000\n')
})

test('bpdriver sends more than the window of the control socket holds, and tells every thousandth', async () => {
  const lab = await ToolLab.start()
  const [two] = lab.nodes
  const driver = await two.run('bpdriver 2500 ipn:2.2 ipn:3.2 -10')
  expect(driver.output).toContain('2000\n1000\n0\nStopping bpdriver.\nTotal bundles: 2500\n')
  expect(two.events.filter(({ type }) => type === 'bundle-created')).toHaveLength(2501)
})

test('a file crosses, and what is there under its name is replaced', async () => {
  const lab = await ToolLab.start()
  const [two, three] = lab.nodes
  const content = Uint8Array.from({ length: 150_000 }, (_, i) => i * 7)
  for (let round = 0; round < 2; round++) {
    const file = three.start('bprecvfile ipn:3.2 1')
    await lab.runFor(1)
    const bytes = content.subarray(round)
    await lab.perform(
      (async () => {
        await two.disk.makeDirectory(DIRECTORY)
        const writer = await two.disk.create(`${DIRECTORY}/picture${round}`)
        await writer.append(bytes)
        await writer.close()
      })(),
    )
    const sent = await two.run(`bpsendfile ipn:2.2 ipn:3.2 picture${round}`)
    expect(sent.output).toBe('Stopping bpsendfile.\n')
    await lab.perform(file.status)
    expect(file.output).toBe('Stopping bprecvfile.\n')
    const reader = await lab.perform(three.disk.open(`${DIRECTORY}/testfile1`))
    expect(await lab.perform(reader.read(0, 1_000_000))).toEqual(bytes)
    expect(await lab.perform(three.disk.list(DIRECTORY))).toEqual(['testfile1'])
  }
})

test('bpstats tells what has passed', async () => {
  const lab = await ToolLab.start()
  const [two] = lab.nodes
  await two.run('bpsource ipn:3.2 hello')
  await lab.runFor(1000)
  const { output } = await two.run('bpstats')
  expect(output.split('\n')).toHaveLength(10)
  expect(output).toContain(
    '[x] src from 2026/11/23-08:00:00 to 2026/11/23-08:00:01: (0) 0 0 (1) 1 5 (2) 0 0 (+) 1 5\n',
  )
  expect(output).toContain('[x] dlv ')
})

test('bptrace prints what the nodes report, in order of time (RFC 9171 §6.1.1)', async () => {
  const lab = await ToolLab.start({}, { statusReports: {} })
  const [two, three] = lab.nodes
  const sink = three.start('bpsink ipn:3.2')
  await lab.runFor(1)
  const trace = await two.run('bptrace -ttl 60 -rtt 3 -msg hello ipn:2.2 ipn:3.2 ipn:2.3')
  expect(trace.output.split('\n')).toEqual([
    '',
    'Done, printing in time order: ',
    '------------------------------',
    "     fwd at 2026-11-23T08:00:00.001 on ipn:2.0, 'okay'.",
    "     rcv at 2026-11-23T08:00:00.501 on ipn:3.0, 'okay'.",
    "     dlv at 2026-11-23T08:00:00.501 on ipn:3.0, 'okay'.",
    '',
  ])
  expect(sink.output).toContain("\tpayload length is 6.\n\t'hello'\n")
})

test('bptrace in its old form asks for what its flags say, and waits only for reports that come here', async () => {
  const lab = await ToolLab.start({}, { statusReports: {} })
  const [two, three] = lab.nodes
  const sink = three.start('bpsink ipn:3.3')
  const trace = await two.run('bptrace ipn:2.2 ipn:9.9 ipn:3.3 30 0.1 text del')
  expect(trace.output).toBe('')
  await lab.runFor(1000)
  expect(sink.output).toBe('')
  // Two bundles in one millisecond, so that the second has a sequence number to tell.
  two.start('bpsource ipn:9.1 x')
  const deleted = await two.run('bptrace ipn:2.2 ipn:3.99 ipn:2.2 4 0.1 text rcv,del')
  expect(deleted.output).toMatch(
    /\n1\/0 {6}rcv at \S+ on ipn:3\.0, 'okay'\.\n1\/0 {6}del at \S+ on ipn:3\.0, 'TTL expired'\.\n$/,
  )
})

test("bplist shows what waits, in ION's form", async () => {
  const lab = await ToolLab.start()
  const [two] = lab.nodes
  await two.run('bpsource ipn:2.3', 'twenty-one octets now\n')
  await two.run('bpsource ipn:9.1 nowhere')
  expect((await two.run('bplist count')).output).toBe(
    'Reporting count of all bundles.\n\nReport count is 2.\n',
  )
  const { output } = await two.run('bplist')
  expect(output).toMatch(
    /^Reporting detail of all bundles\.\nCurrent ctime sec \d+\nEvent ctime sec/,
  )
  expect(output).toContain(
    ["Source EID      'dtn:none'", "Destination EID 'ipn:2.3'", "Report-to EID   'dtn:none'"].join(
      '\n',
    ),
  )
  expect(output).toContain(
    [
      'Payload len         21',
      '****** Payload',
      '(     0)  7477656e 74792d6f 6e65206f 63746574 73206e6f   twenty-one octets no',
      '(    20)  77                                             w',
      '****** Queued for delivery.',
      '**** End of bundle',
    ].join('\n'),
  )
  expect(output).toContain('****** In limbo.\n**** End of bundle\n\nReport count is 2.\n')
  expect((await two.run('bplist count ipn:3.0/1')).output).toBe(
    "Reporting count of all bundles destined for 'ipn:3.0', priority 1.\n\n**   Std queue\nQueue count is 0.\n\nReport count is 0.\n",
  )
  expect((await two.run('bplist count ipn:8.0')).output).toContain(
    "No egress plan for endpoint 'ipn:8.0'.\n",
  )
})

test('an admin program hands its lines to the node, and prints what it answers', async () => {
  const heard: string[] = []
  const administer = () => ({
    perform: async ({ program, file, number, text }: AdminLine): Promise<AdminAnswer> => {
      heard.push(`${program} ${file}:${number}: ${text}`)
      if (text === 'q') return { lines: [], outcome: 'quit' }
      if (text === 't') return { lines: ['started'], outcome: 'started' }
      return { lines: [text], outcome: text === 'bad' ? 'refused' : 'done' }
    },
  })
  const lab = await ToolLab.start({}, {}, { administer })
  const [two] = lab.nodes
  const typed = await two.run('bpadmin', '# nothing\r\n\nl plan\nq\nl duct\n')
  expect(typed.output).toBe(': # nothing\n: \n: l plan\n: Stopping bpadmin.\n')
  expect(await typed.status).toBe(0)
  expect(heard).toEqual([
    'bpadmin standard input:1: # nothing',
    'bpadmin standard input:2: ',
    'bpadmin standard input:3: l plan',
    'bpadmin standard input:4: q',
  ])
  const ended = await two.run('ionadmin', 'bad\ngood')
  expect([ended.output, await ended.status]).toEqual([': bad\n: good\n: Stopping ionadmin.\n', 1])
  const asked = await two.run('ipnadmin', 't\nmore\n')
  expect([asked.output, await asked.status]).toEqual([': started\nStopping ipnadmin.\n', 1])
  heard.length = 0
  await two.write('more.bprc', 'a\nb')
  const read = await two.run('bpadmin more.bprc')
  expect([read.output, await read.status]).toEqual(['a\nb\nStopping bpadmin.\n', 0])
  expect(heard).toEqual(['bpadmin more.bprc:1: a', 'bpadmin more.bprc:2: b'])
})

describe('what cannot be', () => {
  test.each([
    ['bpsink ipn:2.99', /^bpsink: Endpoint not known: ipn:2\.99\n$/],
    ['bpsink ipn:3.2', /^bpsink: Endpoint not known: ipn:3\.2\n$/],
    ['bpsendfile ipn:2.2 ipn:3.2 nothing', /^bpsendfile: .*nothing.*\n$/],
  ])('%s', async (command, message) => {
    const lab = await ToolLab.start()
    const tool = await lab.nodes[0].run(command)
    expect(await tool.status).toBe(1)
    expect(tool.errors).toMatch(message)
  })

  test('a command that there is not, and arguments that are not understood', async () => {
    const lab = await ToolLab.start()
    const unknown = await lab.nodes[0].run('bpsing ipn:2.2')
    expect([await unknown.status, unknown.errors]).toEqual([127, 'bpsing: command not found\n'])
    const sink = await lab.nodes[0].run('bpsink')
    expect([await sink.status, sink.output]).toEqual([2, 'Usage: bpsink <own endpoint ID>\n'])
  })

  test('no node to attach to', async () => {
    const lab = await ToolLab.start()
    const [two] = lab.nodes
    await lab.perform(two.host.stop())
    const stats = await two.run('bpstats')
    expect([await stats.status, stats.errors]).toEqual([
      1,
      "bpstats: Can't attach to BP: no node runs here\n",
    ])
  })

  test('an endpoint that another program has open is occupied until that one ends', async () => {
    const lab = await ToolLab.start()
    const [two] = lab.nodes
    const first = two.start('bpsink ipn:2.2')
    await lab.runFor(1)
    expect((await two.run('bpsink ipn:2.2')).errors).toBe(
      'bpsink: Endpoint is already open: ipn:2.2\n',
    )
    first.interrupt()
    await lab.perform(first.status)
    const second = two.start('bpsink ipn:2.2')
    await lab.runFor(10)
    second.interrupt()
    expect(await lab.perform(second.status)).toBe(0)
  })

  test('a node that stops ends its tools', async () => {
    const lab = await ToolLab.start()
    const sink = lab.nodes[0].start('bpsink ipn:2.2')
    await lab.runFor(10)
    await lab.perform(lab.nodes[0].host.stop())
    expect(await lab.perform(sink.status)).toBe(0)
    expect(sink.output).toBe('ION event: Endpoint stopped.\nStopping bpsink.\n')
  })

  test('arguments that are not understood are answered with the usage', () => {
    for (const [name, args] of [
      ['bpsink', []],
      ['bpsink', ['nonsense']],
      ['bpcounter', []],
      ['bpdriver', ['0', 'ipn:2.2', 'ipn:3.2']],
      ['bpdriver', ['1', 'ipn:2.2']],
      ['bpdriver', ['1', 'ipn:2.2', 'ipn:3.2', '0']],
      ['bpdriver', ['1', 'ipn:2.2', 'ipn:3.2', '-67108865']],
      ['bpsource', ['ipn:3.2', 'text', '-t0']],
      ['bping', ['-c', '1', 'ipn:2.2']],
      ['bping', ['-x', 'ipn:2.2', 'ipn:3.2']],
      ['bpsendfile', ['ipn:2.2', 'ipn:3.2']],
      ['bpstats', ['now']],
    ] as const) {
      expect(TOOLS[name]?.parse(args), `${name} ${args.join(' ')}`).toBeUndefined()
    }
  })
})

describe('delivery', () => {
  test('what nobody has open is abandoned, or waits where the endpoint says so', async () => {
    const lab = await ToolLab.start()
    const [two, three] = lab.nodes
    await two.run('bpsource ipn:3.2 lost')
    await two.run('bpsource ipn:3.3 kept')
    await lab.runFor(2000)
    expect(three.events.filter(({ type }) => type === 'bundle-deleted')).toMatchObject([
      { reason: 'destination endpoint unavailable' },
    ])
    const sink = three.start('bpsink ipn:3.3')
    await lab.runFor(100)
    expect(sink.output).toContain("'kept'")
    sink.interrupt()
    await lab.perform(sink.status)
    expect([...three.store.keys('bundles', {})]).toEqual([])
  })

  test('what waits for its application longer than it lives is not delivered', async () => {
    const lab = await ToolLab.start()
    const [two, three] = lab.nodes
    await two.run('bpsource ipn:3.3 -t2 late')
    await lab.runFor(3000)
    const sink = three.start('bpsink ipn:3.3')
    await lab.runFor(100)
    expect(sink.output).toBe('')
  })

  test('a payload is printed as it is, up to its first NUL', async () => {
    const lab = await ToolLab.start()
    const [two, three] = lab.nodes
    const sink = three.start('bpsink ipn:3.3')
    await two.run('bpsource ipn:3.3', 'größe\0hidden\n')
    await lab.runFor(1000)
    expect(toUtf8(sink.outputBytes)).toBe(
      "ION event: Payload delivered.\n\tpayload length is 14.\n\t'größe'\n",
    )
    expect(fromUtf8('größe\0hidden').length).toBe(14)
  })
})
