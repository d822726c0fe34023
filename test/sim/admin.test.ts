/** ION's admin programs and a running node, in virtual time. */

import { expect, test } from 'vitest'
import { wallMs } from '../../src/base/time.ts'
import { IonAdmin } from '../../src/config/ion/admin.ts'
import { bundleHostOf } from '../../src/config/ion/bundle-host.ts'
import { readIon } from '../../src/config/ion/ion.ts'
import { connectNode } from '../../src/dtn/control/node-client.ts'
import { ToolLab } from '../support/tool-lab.ts'

const START = wallMs(1_795_420_800_000)

const RC = `## begin ionadmin
1 2
## end ionadmin
## begin bpadmin
1
a scheme ipn 'ipnfw' 'ipnadminep'
a endpoint ipn:2.1 x
a endpoint ipn:2.2 x
a endpoint ipn:2.3 q
a protocol udp
a protocol stcp
a induct udp 172.21.0.3:2113 udpcli
a outduct udp 172.22.0.3:3113 udpclo
a outduct udp 172.22.0.3:9999 udpclo
a outduct stcp 172.22.0.3:4456 stcpclo
## end bpadmin
## begin ipnadmin
a plan 3 udp/172.22.0.3:3113
## end ipnadmin
`

/** Nodes 2 and 3, of which node 2 takes commands. */
async function start() {
  const { draft, node } = readIon([{ file: 'node.rc', text: RC }], {
    readFile: (file) => ({ file, reason: 'no file' }),
    startedAt: START,
  })
  if (node === undefined) throw new Error('no node')
  let admin: IonAdmin | undefined
  const lab: ToolLab = await ToolLab.start(
    { oneWayDelayMs: 0 },
    {},
    { administer: () => (admin as IonAdmin).session() },
  )
  const [two, three] = lab.nodes
  const { endpoints, inducts, plans, contactPlan } = bundleHostOf(node, new Map()).options
  const setup = { endpoints, inducts, plans, contactPlan }
  await lab.perform(two.host.change(setup))
  admin = new IonAdmin(draft, [], {
    wall: () => two.machine.clock.wall(),
    apply: async (changed) => {
      const { options, notices } = bundleHostOf(changed, new Map())
      await two.host.change(options)
      return notices
    },
    processes: { own: 1, isOpen: (endpoint) => two.host.isOpen(endpoint) },
    version: 'test',
  })
  let files = 0
  const say = async (program: string, ...lines: readonly string[]): Promise<string> => {
    const file = `lines-${files++}`
    await lab.perform(two.write(file, lines.join('\n')))
    const { output } = await two.run(`${program} ${file}`)
    return output.replace(`Stopping ${program}.\n`, '')
  }
  const status = async () => {
    const socket = { host: '/run/lightlag/control.sock', port: 0 }
    const client = await lab.perform(connectNode(socket, two.machine))
    const answer = await lab.perform(client.status())
    client.close()
    return answer
  }
  return { lab, two, three, say, status }
}

test('a contact that is added gates and paces at once, and is over when it is deleted', async () => {
  const { lab, two, three, say, status } = await start()
  const counter = three.start('bpcounter ipn:3.2')
  await lab.runFor(10)
  expect(await say('ionadmin', 'a contact +10 +1000 2 3 1100', 'a range +0 +9 2 3 7')).toBe('')
  await two.run('bpdriver 10 ipn:2.2 ipn:3.2 -1000')
  expect(await status()).toMatchObject({
    neighbours: [
      {
        gate: { state: 'closed', opensAt: START + 10_000 },
        oneWayDelayMs: 7000,
        // The pilot of bpdriver comes before the others.
        queue: { bundles: 11 },
      },
    ],
    contacts: [{ source: 'ipn:2.0', destination: 'ipn:3.0', rateBytesPerSec: 1100 }],
  })
  await lab.runFor(12_500)
  expect((await status()).neighbours).toMatchObject([
    { gate: { state: 'open', rateBytesPerSec: 1100 }, sent: { bundles: 4 } },
  ])
  expect(await say('ionadmin', 'd contact * 2 3')).toBe('')
  await lab.runFor(10)
  expect((await status()).neighbours).toMatchObject([
    { gate: { state: 'unscheduled' }, sent: { bundles: 11 }, queue: { bundles: 0 } },
  ])
  counter.interrupt()
  await lab.perform(counter.status)
  expect(counter.output).toContain('bundles received: 10\n')
})

test('bundles of a plan that is deleted or blocked wait for the next', async () => {
  const { lab, two, three, say, status } = await start()
  const sink = three.start('bpsink ipn:3.2')
  await lab.runFor(10)
  await say('ipnadmin', 'd plan 3')
  await two.run('bpsource ipn:3.2 first')
  await say('ipnadmin', 'a plan 3 udp/172.22.0.3:9999')
  await say('bpadmin', 'b plan ipn:3.0')
  await two.run('bpsource ipn:3.2 second')
  await lab.runFor(1000)
  expect((await status()).neighbours).toEqual([])
  expect((await status()).bundles.waiting).toBe(1)
  await say('bpadmin', 'd planduct udp 172.22.0.3:9999', 'a planduct ipn:3.0 udp 172.22.0.3:3113')
  await say('bpadmin', 'u plan ipn:3.0')
  await lab.runFor(1000)
  expect((await status()).bundles.waiting).toBe(0)
  sink.interrupt()
  // The first went where nobody listens: UDP cannot know.
  expect(sink.output).not.toContain("'first'")
  expect(sink.output).toContain("'second'")
})

test('an exit leads its nodes to its gateway while it is there, and leaves the plan of the gateway', async () => {
  const { lab, two, say, status } = await start()
  await two.run('bpsource ipn:15.2 first')
  expect(await status()).toMatchObject({ neighbours: [{ sent: { bundles: 0 } }] })
  expect(await say('ipnadmin', 'a exit 10 20 ipn:3.0')).toBe('')
  await two.run('bpsource ipn:20.2 second')
  await lab.runFor(100)
  expect(await status()).toMatchObject({
    bundles: { waiting: 0 },
    neighbours: [
      { node: 'ipn:3.0' },
      { node: 'ipn:10.0', until: 'ipn:20.0', sent: { bundles: 2 } },
    ],
  })
  // The narrower of two that begin with the same node has counts of its own.
  expect(await say('ipnadmin', 'a exit 10 10 ipn:3.0', 'a plan 10 udp/172.22.0.3:3113')).toBe('')
  await two.run('bpsource ipn:10.2 narrow')
  await lab.runFor(100)
  const counts = (await status()).neighbours.map(({ node, until, sent }) => [
    ...[node, until, sent.bundles],
  ])
  expect(counts).toEqual([
    ['ipn:3.0', undefined, 0],
    ['ipn:10.0', undefined, 1],
    ['ipn:10.0', 'ipn:10.0', 0],
    ['ipn:10.0', 'ipn:20.0', 2],
  ])
  await say('ipnadmin', 'd plan 10', 'd exit 10 10')
  expect(await say('ipnadmin', 'd exit 10 20')).toBe('')
  await two.run('bpsource ipn:15.2 third')
  await two.run('bpsource ipn:3.2 fourth')
  await lab.runFor(100)
  expect(await status()).toMatchObject({
    bundles: { waiting: 1 },
    neighbours: [{ node: 'ipn:3.0', sent: { bundles: 1 } }],
  })
})

test('bplist has what waits for an exit with the plan of its gateway', async () => {
  const { two, say } = await start()
  await say('ionadmin', 'a contact +3600 +7200 2 3 10000')
  await say('ipnadmin', 'a exit 10 20 ipn:3.0')
  await two.run('bpsource ipn:15.2 first')
  const listed = async (plan: string) => (await two.run(`bplist count ${plan}`)).output
  expect(await listed('ipn:3.0')).toContain('Queue count is 1.\n')
  expect(await listed('ipn:10.0')).toContain("No egress plan for endpoint 'ipn:10.0'.\n")
})

test('endpoints come and go, and what their bundles meet changes', async () => {
  const { lab, two, say } = await start()
  expect((await two.run('bpsink ipn:2.9')).errors).toContain('Endpoint not known: ipn:2.9')
  await say('bpadmin', 'a endpoint ipn:2.9 q')
  await two.run('bpsource ipn:2.9 kept')
  const sink = two.start('bpsink ipn:2.9')
  await lab.runFor(10)
  expect(sink.output).toContain("'kept'")
  expect(await say('bpadmin', 'i endpoint ipn:2.9')).toBe('ipn:2.9  1\trule: q  script: \n')
  await say('bpadmin', 'd endpoint ipn:2.9')
  sink.interrupt()
  await lab.perform(sink.status)
  expect((await two.run('bpsink ipn:2.9')).errors).toContain('Endpoint not known: ipn:2.9')
  await say('bpadmin', 'c endpoint ipn:2.3 x')
  await two.run('bpsource ipn:2.3 lost')
  await lab.runFor(10)
  expect(two.events).toContainEqual(
    expect.objectContaining({
      type: 'bundle-deleted',
      reason: 'destination endpoint unavailable',
    }),
  )
})

test('the echo service gives way to an application that has its endpoint, and comes back', async () => {
  const { lab, two, say, status } = await start()
  const echo = async () =>
    (await status()).endpoints.find(({ endpoint }) => endpoint === 'ipn:2.7')?.state
  expect(await echo()).toBe('active')
  await say('bpadmin', 'a endpoint ipn:2.7 q')
  expect(await echo()).toBe('closed')
  const sink = two.start('bpsink ipn:2.7')
  await lab.runFor(10)
  await say('bpadmin', 'd endpoint ipn:2.7')
  sink.interrupt()
  await lab.perform(sink.status)
  expect(await echo()).toBeUndefined()
  await say('bpadmin', 'a endpoint ipn:2.11 q')
  expect(await echo()).toBe('active')
})

test('ducts come and go: another port is listened on, another protocol spoken', async () => {
  const { lab, two, three, say, status } = await start()
  const sink = two.start('bpsink ipn:2.2')
  await lab.runFor(10)
  expect(await say('bpadmin', 'a induct udp 172.21.0.3:2113 udpcli')).toContain('is there already')
  await say('bpadmin', 'a induct udp 172.21.0.3:5000 udpcli', 'd induct udp 172.21.0.3:2113')
  await three.run('bpsource ipn:2.2 nobody')
  await lab.perform(
    three.host.change({
      endpoints: [1n, 2n, 3n].map((service) => ({ service, whenInactive: 'defer' as const })),
      inducts: [{ protocol: 'stcp', listen: { host: '172.22.0.3', port: 4456 } }],
      plans: [{ node: 2n, protocol: 'udp', duct: '172.21.0.3:5000' }],
      contactPlan: { contacts: [], ranges: [] },
    }),
  )
  await three.run('bpsource ipn:2.2 somebody')
  await lab.runFor(1000)
  expect(sink.output).toContain("'somebody'")
  expect(sink.output).not.toContain("'nobody'")
  await say('ipnadmin', 'd plan 3', 'a plan 3 stcp/172.22.0.3:4456')
  await two.run('bpsource ipn:3.3 stcp')
  await lab.runFor(1000)
  const { layers } = await status()
  expect(layers.map(({ protocol }) => protocol).sort()).toEqual(['stcp', 'udp'])
  expect(layers.find(({ protocol }) => protocol === 'stcp')?.sent.bundles).toBe(1)
  await say('ipnadmin', 'd plan 3')
  expect((await status()).layers.map(({ protocol }) => protocol)).toEqual(['udp'])
})

test('an induct whose address is taken is refused, and nothing else has changed', async () => {
  const { say, two } = await start()
  await two.machine.network.bind({ host: '172.21.0.3', port: 5001 })
  expect(await say('bpadmin', 'a induct udp 172.21.0.3:5001 udpcli')).toBe(
    'lines-0:1:1: 172.21.0.3:5001 is in use\n',
  )
  expect(await say('bpadmin', 'l induct')).toBe('udp/172.21.0.3:2113\tpid: 1  cmd: udpcli\n')
})
