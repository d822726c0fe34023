import { expect, test } from 'vitest'
import { ToolLab } from '../../../test/support/tool-lab.ts'
import { formatNodeStatus } from './format-status.ts'
import { connectNode } from './node-client.ts'

test('the status tells each layer, neighbour and endpoint in a line', async () => {
  const lab = await ToolLab.start()
  const [two] = lab.nodes
  await two.run('bpsource ipn:3.2 hello')
  await two.run('bpsource ipn:2.3 waiting')
  await lab.runFor(90_000)
  const socket = { host: '/run/lightlag/control.sock', port: 0 }
  const client = await lab.perform(connectNode(socket, two.machine))
  const lines = formatNodeStatus(await lab.perform(client.status())).split('\n')
  expect(lines[0]).toBe('node ipn:2.0: running for 1.5min')
  expect(lines).toContainEqual(expect.stringMatching(/^store: 1 bundles, \d+ bytes, of 100000 and/))
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^neighbour ipn:3\.0 over udp\/172\.22\.0\.3:3113: open without contacts, received 0 \(0 bytes\), sent 1 \(\d+ bytes\), retries 0, waiting 0 \(0 bytes\)$/,
    ),
  )
  expect(lines).toContainEqual(
    expect.stringMatching(
      /^endpoint ipn:2\.3 closed: .* waiting 1 \(\d+ bytes\), the oldest for 1\.5min$/,
    ),
  )
})
