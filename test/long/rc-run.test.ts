/** ION's files and ION's tools with real processes: the note's session on loopback. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
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
import { freePort } from '../support/free-port.ts'
import { needsFolderOpenToAll } from '../support/programs.ts'

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

test('contacts and endpoints of a running node change by the admin programs', async () => {
  const contacts = await tool('ionadmin --node 2', 'l contact\nl range\n').ended
  expect(contacts).toMatchObject({ status: 0, errors: '' })
  expect(contacts.output).toMatch(
    /^: From +\S+ to +\S+ the xmit rate from node 2 to node 3 is +100000 bytes\/sec, confidence 1\.000000\.\n/,
  )
  expect(contacts.output).toMatch(/the OWLT from node 2 to node 3 is +1 seconds\.\n: Stopping/)
  const closed = 'd contact * 2 3\na contact +3600 +7200 2 3 100000\n'
  expect(await tool('ionadmin --node 2', closed).ended).toMatchObject({ status: 0 })
  const sink = tool('bpsink ipn:3.2')
  await isOpen('ipn:3.2')
  expect((await tool('bpsource ipn:3.2 waiting --node 2').ended).status).toBe(0)
  const status = await tool('node status --node 2').ended
  expect(status.output).toMatch(
    /neighbour ipn:3\.0 over \S+: closed for \d+(\.\d+)?(s|min), .* waiting 1 /,
  )
  expect(status.output).toMatch(
    /contact ipn:2\.0 to ipn:3\.0: in \d+(\.\d+)?(s|min) for 1h at 100000/,
  )
  const open = 'd contact * 2 3\na contact +0 +600 2 3 100000\n'
  expect(await tool('ionadmin --node 2', open).ended).toMatchObject({ status: 0 })
  await sink.until("'waiting'\n")
  sink.child.kill('SIGINT')
  expect((await sink.ended).status).toBe(0)
  writeFileSync(join(folder, 'more.bprc'), '# more\na endpoint ipn:2.9 q\ni endpoint ipn:2.9\n')
  expect(await tool('bpadmin more.bprc --node 2').ended).toEqual({
    status: 0,
    errors: '',
    output: 'ipn:2.9  -1\trule: q  script: \nStopping bpadmin.\n',
  })
  const own = tool('bpsink ipn:2.9')
  await isOpen('ipn:2.9')
  own.child.kill('SIGINT')
  expect((await own.ended).status).toBe(0)
})

test('what an admin program cannot do is said with its place, and shows in its exit status', async () => {
  writeFileSync(join(folder, 'typo.ipnrc'), 'a plan 3\nl plan\n')
  const typo = await tool('ipnadmin typo.ipnrc --node 2').ended
  expect(typo.status).toBe(1)
  expect(typo.output).toMatch(
    /^Syntax error at line 1 of ipnadmin\ntypo\.ipnrc:1:1: a plan with 1 argument: .* would be right\n3 xmit /,
  )
  const missing = await tool('bpadmin none.bprc --node 2').ended
  expect(missing).toMatchObject({ status: 1, output: '' })
  expect(missing.errors).toMatch(/^bpadmin: .*none\.bprc/)
  const nobody = await tool('bpadmin --node 9').ended
  expect(nobody).toMatchObject({ status: 1, output: '' })
  expect(nobody.errors).toMatch(/^bpadmin: Can't attach to BP: no node 9 runs here/)
  expect((await tool('bpadmin --node 2', 't\n').ended).status).toBe(1)
  const stop = await tool('bpadmin . --node 2').ended
  expect(stop).toMatchObject({ status: 2, output: '' })
  expect(stop.errors).toMatch(/^bpadmin \.: .*SIGTERM/)
  const help = await tool('ionadmin --help').ended
  expect(help.status).toBe(0)
  expect(help.output).toContain("echo 'l contact' | lightlag ionadmin")
  expect((await tool('ltpadmin').ended).status).toBe(2)
})

test.skipIf(needsFolderOpenToAll())("another user's node cannot be commanded", async () => {
  const socket = join(folder, 'node-2/control.sock')
  // Root may do everything: it becomes nobody, who may look into the folder and no further.
  const isRoot = process.getuid?.() === 0
  chmodSync(folder, 0o755)
  chmodSync(join(folder, 'node-2'), 0o755)
  if (!isRoot) chmodSync(socket, 0)
  const command = ['bpadmin', '--node', socket]
  const denied = await start(command, 'l plan\n', isRoot ? { uid: 65_534, gid: 65_534 } : {}).ended
  if (!isRoot) chmodSync(socket, 0o600)
  expect(denied).toEqual({
    status: 1,
    output: '',
    errors: `bpadmin: Can't attach to BP: permission denied for ${socket}: its node is another user's\n`,
  })
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

function start(
  args: readonly string[],
  input = '',
  user: { readonly uid?: number; readonly gid?: number } = {},
): Running {
  const child = spawn(process.execPath, [resolve('dist/cmd/lightlag.js'), ...args], {
    cwd: folder,
    ...user,
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
