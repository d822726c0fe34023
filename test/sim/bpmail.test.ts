import { deflateSync, inflateSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { fromHex, fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { connectNode } from '../../src/dtn/control/node-client.ts'
import { MAIL_BYTES_MAX } from '../../src/dtn/tools/limits.ts'
import { promptPacking } from '../../src/host/packing.ts'
import { labDns } from '../../src/lab/dns.ts'
import type { LabProcess } from '../../src/lab/process.ts'
import { ipnEndpoint } from '../../src/proto/bpv7/endpoint-id.ts'
import { ToolLab, type ToolNode } from '../support/tool-lab.ts'

/** ION's `a profile 21 5 100 1 3600 0.1 dtn:none`. */
const PROFILE = {
  id: 21,
  retransmissionsMax: 5,
  aggregationBytes: 100,
  aggregationMs: 1000,
  lifetimeMs: 3_600_000,
}

const MAIL = `Return-Path: <alice@mail-1.a.com>
From: Alice <alice@mail-1.a.com>
To: bob@mail-2.a.com
Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=

Hello Bob,
ünïcode.
`
const PRINTED = MAIL.slice(MAIL.indexOf('\n') + 1).replaceAll('\n', '\r\n')

const NAMES = labDns(
  new Map([
    ['mail-1.a.com', { ipn: [9n, 2n] }],
    ['mail-3.a.com', { ipn: [9n] }],
    ['slow.a.com', { fault: 'dns/timed-out' as const }],
  ]),
)
const PORTS = { packing: promptPacking, dns: NAMES }

async function start(): Promise<ToolLab> {
  return ToolLab.start({}, { dtpc: [PROFILE] })
}

/** Into topic 25 of node 3, as it is. */
async function inject(lab: ToolLab, bytes: Uint8Array): Promise<void> {
  const [two] = lab.nodes
  const control = { host: '/run/lightlag/control.sock', port: 0 }
  const client = await lab.perform(connectNode(control, two.machine))
  const item = { destination: ipnEndpoint(3n, 129n), profile: 21, topic: 25, bytes }
  await lab.perform(client.sendItem(item))
  client.close()
  await lab.runFor(3000)
}

/** How it ends. */
async function receive(
  lab: ToolLab,
  node: ToolNode,
  args = '',
): Promise<{ readonly status: number; readonly process: LabProcess }> {
  const process = node.start(`bpmailrecv${args}`, undefined, PORTS)
  return { status: await lab.perform(process.status), process }
}

test('a mail sent by one is printed by the other: CRLF, without its Return-Path, and once', async () => {
  const lab = await start()
  const [two, three] = lab.nodes
  const sent = await two.run('bpmailsend -t 1 21 ipn:3.129', MAIL, PORTS)
  expect([await sent.status, sent.errors]).toEqual([0, ''])
  const { process, status } = await receive(lab, three, ' --no-verify-ipn -t 1')
  expect([status, process.output]).toEqual([0, PRINTED])
  const next = three.start('bpmailrecv --no-verify-ipn -t 1', undefined, PORTS)
  await lab.runFor(10_000)
  next.interrupt()
  // ION's word for an interruption is no mistake.
  expect([await lab.perform(next.status), next.output]).toEqual([0, ''])
})

test('a hundred sent back to back, before and while others print them: none is lost', async () => {
  const lab = await start()
  const [two, three] = lab.nodes
  for (let i = 0; i < 100; i++) {
    await two.run('bpmailsend 21 ipn:3.129', `From: a@mail-1.a.com\n\n${i}\n`, PORTS)
  }
  for (let i = 0; i < 100; i++) {
    const { process } = await receive(lab, three)
    expect(process.output).toBe(`From: a@mail-1.a.com\r\n\r\n${i}\r\n`)
  }
})

test('what real bpmailsend put into its bundle is printed (capture dtpc-mail-profile21)', async () => {
  const lab = await start()
  const record =
    '789c5d8e3d0f82301445f7fe8ab76bb1a031a6a2f1038d0cb048dc0b790aa6f4915288fe7b51e3e25dee70927bcf' +
    'd1522d61abab022154efdad4aad2dcf7945750bd661949d8510e614ef917053f74eef23b164e42895a13508f16a2' +
    '2c6591722821213386600a29f51088600e62267d2185809118c2126c5b75431e471242ffef35899303bfa06d2b32' +
    '127c4fb03d1987c6f1ecd90ce30e1f6ed26855992514a5b22dba55e7ae7cc1d8e92333287bec05544e4387'
  const bytes = fromHex(record) ?? new Uint8Array()
  const mail = inflateSync(bytes).toString()
  await inject(lab, bytes)
  const { process } = await receive(lab, lab.nodes[1])
  expect(process.output).toBe(mail.replaceAll('\n', '\r\n'))
  const repacked = await promptPacking.pack(fromUtf8(mail), { format: 'zlib' })
  expect(inflateSync(repacked).toString()).toBe(mail)
})

describe('the check of node numbers (type 264)', () => {
  test.each([
    ['one of the node', 'a@mail-1.a.com', 0],
    ['every author counts', 'a@mail-1.a.com, b@mail-3.a.com', 1],
    ['a name without records', 'a@nowhere.a.com', 1],
    ['no author at all', '', 1],
  ])('%s', async (_, from, status) => {
    const lab = await start()
    await inject(lab, deflateSync(`From: ${from}\nTo: b@c\n\n`))
    expect((await receive(lab, lab.nodes[1])).status).toBe(status)
    await lab.runFor(10)
    const left = lab.nodes[1].store.keys('dtpc-inbox', {})
    expect([...left]).toEqual([])
  })

  test('where no server answers the mail stays, for the next', async () => {
    const lab = await start()
    await inject(lab, deflateSync('From: a@slow.a.com\n\nlater\n'))
    const first = await receive(lab, lab.nodes[1], ' -s 192.0.2.1')
    expect([first.status, first.process.output]).toEqual([75, ''])
    const second = await receive(lab, lab.nodes[1], ' --no-verify-ipn')
    expect(second.process.output).toContain('later')
  })
})

describe('what is refused leaves the node, with status 1', () => {
  test.each([
    ['a bomb', deflateSync(new Uint8Array(MAIL_BYTES_MAX + 1)), 'packing/too-large'],
    ['a stream that is cut', deflateSync(MAIL).subarray(0, 50), 'broken'],
    ['what is no message', deflateSync('no header\n'), 'could not parse message as MIME'],
  ])('%s', async (_, bytes, reason) => {
    const lab = await start()
    await inject(lab, bytes)
    const { status, process } = await receive(lab, lab.nodes[1], ' --no-verify-ipn')
    expect([status, process.output]).toEqual([1, ''])
    expect(process.errors).toMatch(
      reason === 'could not parse message as MIME' ? reason : /unpacks|not zlib/,
    )
    await lab.runFor(10)
    expect([...lab.nodes[1].store.keys('dtpc-inbox', {})]).toEqual([])
  })

  test('unless it may be invalid; what was never compressed is taken as it is', async () => {
    const lab = await start()
    await inject(lab, fromUtf8('no header\n'))
    const args = ' --allow-invalid-mime --no-verify-ipn'
    const { process } = await receive(lab, lab.nodes[1], args)
    expect(process.output).toBe('no header\n')
  })
})

describe('arguments, as getopt_long and strtoul read them', () => {
  test.each([
    'bpmailsend',
    'bpmailsend 21',
    'bpmailsend x ipn:3.129',
    'bpmailsend 21 nowhere',
    'bpmailsend -t 4294967296 21 ipn:3.129',
    'bpmailsend -x 21 ipn:3.129',
    'bpmailrecv here',
    'bpmailrecv -t',
    'bpmailrecv --no-verify-ipn -s 192.0.2.1',
  ])('%s is not understood: usage on standard error, status 1', async (command) => {
    const lab = await start()
    const process = await lab.nodes[0].run(command, '', PORTS)
    expect(await process.status).toBe(1)
    expect(process.errors).toMatch(/^usage: bpmail(send|recv) /)
  })

  test('numbers may be hexadecimal and octal, options attached', async () => {
    const lab = await start()
    const [two, three] = lab.nodes
    await two.run('bpmailsend -t0x10 025 ipn:3.129', MAIL, PORTS)
    const { process } = await receive(lab, three, ' --no-verify-ipn -t16')
    expect(toUtf8(process.outputBytes)).toBe(PRINTED)
  })

  test('nothing on standard input is not sent; an unknown profile, and no node, are told apart', async () => {
    const lab = await start()
    const [two] = lab.nodes
    const empty = await two.run('bpmailsend 21 ipn:3.129', '', PORTS)
    expect([await empty.status, empty.errors]).toEqual([
      1,
      'error or nothing to read from stdin; nothing to send\n',
    ])
    const unknown = await two.run('bpmailsend 9 ipn:3.129', MAIL, PORTS)
    expect([await unknown.status, unknown.errors]).toEqual([
      1,
      'bpmailsend: there is no profile 9\n',
    ])
    await lab.perform(two.host.stop())
    const alone = await two.run('bpmailsend 21 ipn:3.129', MAIL, PORTS)
    expect(await alone.status).toBe(75)
  })
})
