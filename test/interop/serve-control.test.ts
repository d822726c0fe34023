/** The bundle node of a mail host, used by a program beside it. */

import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { connectNode, type NodeClient } from '../../src/dtn/control/node-client.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostNetwork } from '../../src/host/network.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { ServedPair } from '../support/served.ts'

let pair: ServedPair
const clients: NodeClient[] = []

beforeAll(async () => {
  pair = await ServedPair.make()
  await pair.start()
  for (const name of ['mail-1', 'mail-2']) {
    const socket = { host: join(pair.directory, name, 'control.sock'), port: 0 }
    clients.push(await connectNode(socket, { network: hostNetwork, clock: hostClock }))
  }
})

afterAll(async () => {
  for (const client of clients) client.close()
  await pair.dispose()
})

test('programs of two mail hosts reach each other over any service that the hosts do not use', async () => {
  const [two, three] = clients as [NodeClient, NodeClient]
  expect([two.node, three.node]).toEqual([2n, 3n])
  const came = new Promise<string>((resolve, reject) => {
    three
      .open(ipnEndpoint(3n, 5n), ({ adu, take }) => {
        take()
        resolve(toUtf8(adu.payload))
      })
      .catch(reject)
  })
  const source = ipnEndpoint(2n, 5n)
  await two.open(source, () => {})
  const destination = ipnEndpoint(3n, 5n)
  const payload = fromUtf8('over the mail hosts')
  await two.send({ source, destination, payload, lifetimeMs: 60_000, reports: [] })
  expect(await came).toBe('over the mail hosts')
})

test("the mail service's own endpoint is occupied", async () => {
  const [two] = clients as [NodeClient, NodeClient]
  await expect(two.open(ipnEndpoint(2n, 2525n), () => {})).rejects.toMatchObject({
    code: 'control/occupied',
    message: 'Endpoint is already open: ipn:2.2525',
  })
})
