/** ION's files and ION's tools with real processes: the note's session on loopback. */

import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectNode, type NodeClient } from '../../src/dtn/control/node-client.ts'
import { hostClock } from '../../src/host/clock.ts'
import { hostNetwork } from '../../src/host/network.ts'

const NOTE = `From: alice@ion
To: bob@ion
Subject: Multi-line Test

Hello Bob,
This is the first line.
This is the second line.
!
`

let folder: string
const running: ChildProcess[] = []
const clients: NodeClient[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lightlag-'))
  const [two, three] = [await freePort(), await freePort()]
  for (const name of ['2.bench.udp', '3.bench.udp']) {
    for (const file of readdirSync(join('examples/ion', name))) {
      const text = readFileSync(join('examples/ion', name, file), 'utf8')
        .replaceAll('172.21.0.3:2113', `127.0.0.1:${two}`)
        .replaceAll('172.22.0.3:3113', `127.0.0.1:${three}`)
      writeFileSync(
        join(folder, `${name[0]}.${file}`),
        text
          .replaceAll(' bench.', ` ${name[0]}.bench.`)
          .replaceAll("'ipnadmin bench.", `'ipnadmin ${name[0]}.bench.`),
      )
    }
  }
  writeFileSync(join(folder, 'global.ionrc'), readFileSync('examples/ion/global.ionrc'))
  await startNode(2)
  await startNode(3)
})

afterAll(async () => {
  for (const client of clients) client.close()
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

test("the endpoints of a node are used through its socket, which is its owner's alone", () => {
  expect(statSync(join(folder, 'node-2/control.sock')).mode & 0o777).toBe(0o600)
  expect(readdirSync(join(folder, 'run/lightlag'))).toEqual(['2.sock', '3.sock'])
})

test("bpcounter and bpdriver end with ION's summaries", async () => {
  const counter = tool('bpcounter ipn:3.2 3')
  await isOpen('ipn:3.2')
  const driver = await tool('bpdriver 3 ipn:2.2 ipn:3.2 -10000').ended
  expect(driver).toMatchObject({ status: 0, errors: '' })
  expect(driver.output).toMatch(
    /^0\nStopping bpdriver\.\nTotal bundles: 3\nTime \(seconds\): \d+\.\d{3}\nTotal bytes: 30000\nThroughput \(Mbps\): \d+\.\d{3}\n$/,
  )
  const counted = await counter.ended
  expect(counted).toMatchObject({ status: 0, errors: '' })
  expect(counted.output).toMatch(
    /\nStopping bpcounter; bundles received: 3\nTime \(seconds\): \d+\.\d{3}\nTotal bytes: 30000\nThroughput \(Mbps\): \d+\.\d{3}\n$/,
  )
})

test("the note's text crosses from bpsource to bpsink byte for byte", async () => {
  const sink = tool('bpsink ipn:3.2')
  await isOpen('ipn:3.2')
  const source = await tool('bpsource ipn:3.2 --node 2', NOTE).ended
  expect(source).toMatchObject({ status: 0, errors: '', output: ': '.repeat(8) })
  await sink.until("'This is the second line.'\n")
  sink.child.kill('SIGINT')
  const lines = NOTE.split('\n').filter((line) => line !== '' && line !== '!')
  expect(await sink.ended).toEqual({
    status: 0,
    errors: '',
    output: [
      ...lines.flatMap((line) => [
        'ION event: Payload delivered.',
        `\tpayload length is ${Buffer.byteLength(line)}.`,
        `\t'${line}'`,
      ]),
      'BP reception interrupted.',
      'ION event: Reception interrupted.',
      'Stopping bpsink.',
      '',
    ].join('\n'),
  })
})

test('what cannot be is said in a line, with exit status 1', async () => {
  const sink = tool('bpsink ipn:3.1')
  await isOpen('ipn:3.1')
  for (const [command, message] of [
    ['bpsink ipn:3.1', 'bpsink: Endpoint is already open: ipn:3.1\n'],
    ['bpsink ipn:3.9', 'bpsink: Endpoint not known: ipn:3.9\n'],
    ['bpsink ipn:4.1', /^bpsink: Can't attach to BP: no node 4 runs here \(.*\)\n$/],
    ['bpsource ipn:3.1 x', /^bpsource: Can't attach to BP: nodes 2, 3 run here/],
    ['bplist --node ./nothing.sock', /^bplist: Can't attach to BP: no node listens on /],
  ] as const) {
    const { status, errors, output } = await tool(command).ended
    expect({ command, status, output }).toEqual({ command, status: 1, output: '' })
    if (typeof message === 'string') expect(errors).toBe(message)
    else expect(errors).toMatch(message)
  }
  const usage = await tool('bpsink').ended
  expect(usage).toMatchObject({ status: 2, output: 'Usage: bpsink <own endpoint ID>\n' })
  sink.child.kill('SIGINT')
  expect((await sink.ended).status).toBe(0)
})

test('a tool that is killed leaves its endpoint to the next', async () => {
  const first = tool('bpecho ipn:3.64')
  await isOpen('ipn:3.64')
  first.child.kill('SIGKILL')
  await first.ended
  await isOpen('ipn:3.64', false)
  const second = tool('bpecho ipn:3.64')
  await isOpen('ipn:3.64')
  const ping = await tool('bping -c 2 -i 0.01 -q 1 ipn:2.64 ipn:3.64').ended
  expect(ping.status).toBe(0)
  expect(ping.output).toContain('2 bundles transmitted, 2 bundles received, 0.00% bundle loss')
  second.child.kill('SIGINT')
  expect(await second.ended).toMatchObject({ status: 0, output: '..BP reception interrupted.\n!' })
})

/** Runs until SIGTERM; what it prints is for whoever looks for the reason of a failure. */
async function startNode(number: number): Promise<void> {
  const files = ['ionrc', 'ionsecrc', 'bprc', 'ipnrc', 'ionconfig'].map((kind) =>
    join(folder, `${number}.bench.${kind}`),
  )
  const child = start([
    ...['rc', 'run', '--directory', join(folder, `node-${number}`)],
    ...files.filter((file) => existsSync(file)),
    join(folder, 'global.ionrc'),
  ])
  await child.until(': started\n')
  const socket = { host: join(folder, `node-${number}/control.sock`), port: 0 }
  clients.push(await connectNode(socket, { network: hostNetwork, clock: hostClock }))
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<{ status: number | null; output: string; errors: string }>
  /** Resolves once its output contains `text`; rejects where it ends before. */
  until(text: string): Promise<void>
}

function tool(command: string, input = ''): Running {
  return start(command.split(' '), input)
}

function start(args: readonly string[], input = ''): Running {
  const child = spawn(process.execPath, [resolve('dist/cmd/lightlag.js'), ...args], {
    cwd: folder,
    env: { ...process.env, XDG_RUNTIME_DIR: join(folder, 'run') },
  })
  running.push(child)
  let [output, errors] = ['', '']
  let look = (): void => {}
  child.stdout.on('data', (bytes) => {
    output += String(bytes)
    look()
  })
  child.stderr.on('data', (bytes) => {
    errors += String(bytes)
  })
  child.stdin.end(input)
  const ended = once(child, 'close').then(([status]) => ({ status, output, errors }))
  return {
    child,
    ended,
    until: (text) =>
      new Promise((done, failed) => {
        look = () => {
          if (output.includes(text)) done()
        }
        look()
        void ended.then(() => failed(new Error(`${args.join(' ')} ended: ${errors}`)))
      }),
  }
}

/** Resolves when a program has the endpoint open, or none has it any more. */
async function isOpen(endpoint: string, wanted = true): Promise<void> {
  for (;;) {
    for (const client of clients) {
      const { endpoints } = await client.status()
      if (endpoints.some((one) => one.endpoint === endpoint && (one.state === 'active') === wanted))
        return
    }
    await setImmediate()
  }
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
