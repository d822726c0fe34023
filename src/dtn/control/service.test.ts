import { expect, test } from 'vitest'
import { ToolLab } from '../../../test/support/tool-lab.ts'
import { fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { asFault } from '../../base/fault.ts'
import { ipnEndpoint, NULL_ENDPOINT } from '../../proto/bpv7/endpoint-id.ts'
import { BUNDLES_PER_PAGE, CLIENTS_MAX, ENDPOINTS_PER_CLIENT_MAX } from './limits.ts'
import { connectNode, type NodeClient, type Received } from './node-client.ts'

const CONTROL = { host: '/run/lightlag/control.sock', port: 0 }
const OWN = ipnEndpoint(2n, 3n)

async function connected(lab: ToolLab): Promise<NodeClient> {
  return lab.perform(connectNode(CONTROL, lab.nodes[0].machine))
}

function adu(text: string, more: { source?: typeof OWN; destination?: typeof OWN } = {}) {
  return {
    source: NULL_ENDPOINT,
    destination: OWN,
    payload: fromUtf8(text),
    lifetimeMs: 60_000,
    reports: [],
    ...more,
  }
}

test('a bundle stays in the store until it is taken, and goes to the next program in its turn', async () => {
  const lab = await ToolLab.start()
  const [two] = lab.nodes
  const first = await connected(lab)
  const held: Received[] = []
  await lab.perform(first.open(OWN, (received) => held.push(received)))
  for (const text of ['one', 'two', 'three']) await lab.perform(first.send(adu(text)))
  await lab.runFor(10)
  expect(held.map(({ adu: { payload } }) => toUtf8(payload))).toEqual(['one', 'two', 'three'])
  held[0]?.take()
  await lab.runFor(10)
  expect([...two.store.keys('bundles', {})]).toHaveLength(2)
  first.close()
  await lab.runFor(10)

  const second = await connected(lab)
  const again: string[] = []
  await lab.perform(
    second.open(OWN, (received) => {
      again.push(toUtf8(received.adu.payload))
      received.take()
    }),
  )
  await lab.runFor(10)
  expect(again).toEqual(['two', 'three'])
  expect([...two.store.keys('bundles', {})]).toEqual([])
})

test('what is not taken when the node stops is there at its next start, also of an endpoint that abandons', async () => {
  const lab = await ToolLab.start()
  const [two] = lab.nodes
  const client = await connected(lab)
  const abandoning = ipnEndpoint(2n, 2n)
  await lab.perform(client.open(abandoning, () => {}))
  await lab.perform(client.send(adu('untaken', { destination: abandoning })))
  await lab.runFor(10)
  await lab.perform(two.host.stop())
  expect([...two.store.keys('bundles', {})]).toHaveLength(1)
})

test('a program sends from endpoints that it has open, or anonymously', async () => {
  const lab = await ToolLab.start()
  const client = await connected(lab)
  await expect(lab.perform(client.send(adu('x', { source: OWN })))).rejects.toMatchObject({
    code: 'control/not-open',
  })
  await lab.perform(client.open(OWN, () => {}))
  expect(await lab.perform(client.send(adu('x', { source: OWN })))).toMatch(/^ipn:2\.3\//)
  expect(await lab.perform(client.send(adu('x')))).toMatch(/^dtn:none\//)
})

test("the node's refusal of a bundle is the program's", async () => {
  const lab = await ToolLab.start({}, { limits: { aduBytesMax: 3 } })
  const client = await connected(lab)
  await expect(lab.perform(client.send(adu('long')))).rejects.toMatchObject({
    code: 'dtn/adu-too-large',
    temporary: false,
  })
})

test('programs beyond the bound are refused until one leaves', async () => {
  const lab = await ToolLab.start()
  const clients: NodeClient[] = []
  for (let i = 0; i < CLIENTS_MAX; i++) clients.push(await connected(lab))
  await expect(connected(lab)).rejects.toMatchObject({ code: 'control/too-many-clients' })
  clients[0]?.close()
  await lab.runFor(10)
  await connected(lab)
})

test('endpoints of one program beyond the bound are refused', async () => {
  const endpoints = Array.from({ length: ENDPOINTS_PER_CLIENT_MAX + 1 }, (_, i) => ({
    service: BigInt(i + 1),
    whenInactive: 'defer' as const,
  }))
  const lab = await ToolLab.start({}, { endpoints })
  const client = await connected(lab)
  const opened = await lab.perform(
    Promise.all(
      endpoints.map(({ service }) =>
        client
          .open(ipnEndpoint(2n, service), () => {})
          .then(
            () => 'open',
            (error: unknown) => asFault(error).code,
          ),
      ),
    ),
  )
  expect(opened).toEqual([
    ...Array(ENDPOINTS_PER_CLIENT_MAX).fill('open'),
    'control/too-many-clients',
  ])
})

test('bundles are told in pages, in the order of arrival', async () => {
  const lab = await ToolLab.start()
  const client = await connected(lab)
  const count = BUNDLES_PER_PAGE + 5
  for (let i = 0; i < count; i++) await lab.perform(client.send(adu(String(i))))
  const first = await lab.perform(client.bundles(undefined))
  const second = await lab.perform(client.bundles(first.at(-1)?.key))
  expect([first.length, second.length]).toEqual([BUNDLES_PER_PAGE, 5])
  expect(first[0]).toMatchObject({ destination: 'ipn:2.3', payload: '30', state: 'delivery' })
  expect(await lab.perform(client.bundles(second.at(-1)?.key))).toEqual([])
})

test('the status tells which endpoints are open, and a node without admin programs says so', async () => {
  const lab = await ToolLab.start()
  const client = await connected(lab)
  await lab.perform(client.open(OWN, () => {}))
  const status = await lab.perform(client.status())
  const active = status.endpoints.filter(({ state }) => state === 'active')
  expect(active.map(({ endpoint }) => endpoint).sort()).toEqual(['ipn:2.0', 'ipn:2.3', 'ipn:2.7'])
  expect(status.neighbours).toMatchObject([{ node: 'ipn:3.0', duct: '172.22.0.3:3113' }])
  const line = { program: 'bpadmin', file: 'x', number: 1, text: 'l plan' } as const
  await expect(lab.perform(client.admin(line))).rejects.toMatchObject({
    code: 'control/unavailable',
  })
})

test('a process that takes a connection and says nothing, as one that is stopped, is given up', async () => {
  const lab = await ToolLab.start()
  const { machine } = lab.nodes[0]
  const silent = { host: '/run/lightlag/silent.sock', port: 0 }
  await lab.perform(machine.network.listen(silent, () => {}))
  const refused = await lab.perform(
    connectNode(silent, machine).then(
      () => 'welcomed',
      (error: unknown) => asFault(error).message,
    ),
  )
  expect(refused).toMatch(/^no answer within 30 s: is its process stopped\?/)
})
