/** Mail on a stick: there, and the acknowledgements back, whatever becomes of the stick meanwhile. */

import { expect, test } from 'vitest'
import { fromUtf8 } from '../../src/base/bytes.ts'
import { asFault } from '../../src/base/fault.ts'
import { wallMs } from '../../src/base/time.ts'
import { formatTrace } from '../../src/bridge/format-trace.ts'
import { PARCEL_PIECE_BYTES } from '../../src/bridge/limits.ts'
import { encodeParcel } from '../../src/bridge/parcel.ts'
import { LabDisk } from '../../src/lab/disk.ts'
import { formatQueue } from '../../src/mail/format-queue.ts'
import { mailOf, TestLab } from '../support/lab.ts'
import { bringIn, newStick, out, peers, STICK, withHost } from '../support/stick.ts'

async function filesOn(lab: TestLab, stick: LabDisk): Promise<readonly string[]> {
  return lab.lab.perform(stick.list(STICK))
}

test('mails go on a stick in one file, arrive, and leave the queue when the answer has come back', async () => {
  const lab = await TestLab.start(peers())
  for (const body of ['one', 'two', 'three']) await lab.submitted(lab.mail1, mailOf(body))
  const stick = await newStick(lab)
  expect(await out(lab, lab.mail1, stick)).toMatchObject({ written: 1, left: 0 })
  const [file = ''] = await filesOn(lab, stick)
  expect(file).toMatch(/^mail-2\.a\.com-[0-9a-f]{24}\.lightlag$/)
  const [brought] = await bringIn(lab, lab.mail2, stick)
  expect(brought?.outcome).toEqual({ type: 'taken', from: 'mail-1.a.com', mails: 3 })
  expect(await filesOn(lab, stick)).toEqual([])
  expect(await lab.mailbox(lab.mail2)).toHaveLength(3)
  await lab.until('mail-removed', 3)
  await out(lab, lab.mail2, stick)
  await bringIn(lab, lab.mail1, stick)
  await lab.until('mail-removed', 6)
  expect(await withHost(lab, lab.mail1, (host) => host.queue())).toEqual([])
  expect(await out(lab, lab.mail1, stick)).toMatchObject({ written: 0, present: 0 })
  await lab.lab.stop()
})

test('several sticks with the same mail, in any order, are one mail', async () => {
  const lab = await TestLab.start(peers())
  await lab.submitted(lab.mail1, mailOf('once'))
  const sticks = [await newStick(lab), await newStick(lab), await newStick(lab)]
  for (const stick of sticks) await out(lab, lab.mail1, stick)
  for (const stick of sticks.reverse()) await bringIn(lab, lab.mail2, stick)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  for (const stick of sticks) await out(lab, lab.mail2, stick)
  for (const stick of sticks) await bringIn(lab, lab.mail1, stick)
  await lab.until('mail-removed', 2)
  expect(lab.events('mail-delivered').filter(({ route }) => route === 'carry')).toHaveLength(1)
  await lab.lab.stop()
})

test('a host that crashes after anything was taken or written carries on, and nothing is lost or doubled', async () => {
  const lab = await TestLab.start(peers())
  await lab.submitted(lab.mail1, mailOf('once'))
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  await lab.lab.perform(lab.mail1.crash())
  expect(await out(lab, lab.mail1, stick)).toMatchObject({ written: 0, present: 1 })
  const copy = new LabDisk({ clock: lab.mail1.machine.clock }, stick.crash())
  await bringIn(lab, lab.mail2, copy)
  await lab.lab.perform(lab.mail2.crash())
  // The answer is on the disk with the mail; and the sender's next stick brings the mail again.
  const second = await newStick(lab)
  await out(lab, lab.mail1, second)
  await bringIn(lab, lab.mail2, second)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  await out(lab, lab.mail2, second)
  await lab.lab.perform(lab.mail1.crash())
  await bringIn(lab, lab.mail1, second)
  await lab.runFor(1000)
  expect(await withHost(lab, lab.mail1, (host) => host.queue())).toEqual([])
  await lab.lab.stop()
})

test('what the far side refuses comes back on the stick, and its sender hears why', async () => {
  const lab = await TestLab.start(peers())
  await lab.submitted(lab.mail1, mailOf('Hello'), ['nobody@mail-2.a.com', 'user@mail-2.a.com'])
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  await bringIn(lab, lab.mail2, stick)
  await out(lab, lab.mail2, stick)
  await bringIn(lab, lab.mail1, stick)
  const failed = await lab.until('mail-failed')
  expect(failed.event).toMatchObject({ recipient: 'nobody@mail-2.a.com', dsn: '5.1.1' })
  await lab.runFor(1000)
  expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  await lab.lab.stop()
})

test('files that are damaged, forged, too old, of strangers or for others are left, each with its reason', async () => {
  const lab = await TestLab.start(peers())
  await lab.submitted(lab.mail1, mailOf('good'))
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  const [good = ''] = await filesOn(lab, stick)
  const reader = await lab.lab.perform(stick.open(`${STICK}/${good}`))
  const bytes = await lab.lab.perform(reader.read(0, reader.sizeBytes))
  const damaged = bytes.slice()
  damaged[60] = (damaged[60] ?? 0) ^ 1
  const expiresAt = wallMs(8_000_000_000_000)
  const forged = { from: 'mail-1.a.com', to: 'mail-2.a.com', id: 'x', payload: fromUtf8('HELO') }
  const secret = fromUtf8('a secret of both sides')
  const files: Readonly<Record<string, Uint8Array>> = {
    'a.lightlag': damaged,
    'b.lightlag': bytes.subarray(0, bytes.length - 40),
    'c.lightlag': encodeParcel({ ...forged, expiresAt }, fromUtf8('another secret')),
    'd.lightlag': encodeParcel({ ...forged, expiresAt }, undefined),
    'e.lightlag': encodeParcel({ ...forged, expiresAt: wallMs(1000) }, secret),
    'f.lightlag': encodeParcel({ ...forged, from: 'evil.org', expiresAt }, secret),
    'g.lightlag': encodeParcel({ ...forged, to: 'mail-9.a.com', expiresAt }, secret),
    'h.lightlag': encodeParcel({ ...forged, expiresAt, payload: fromUtf8('junk') }, secret),
    'i.lightlag': fromUtf8('#!/bin/sh\n'),
    'j.lightlag': new Uint8Array(0),
    'mail.part': bytes,
    'letter.txt': fromUtf8('Hello'),
  }
  for (const [name, content] of Object.entries(files)) {
    await lab.lab.perform(stick.writeNew(`${STICK}/${name}`, content.slice()))
  }
  await lab.lab.perform(stick.makeDirectory(`${STICK}/k.lightlag`))
  const told = await bringIn(lab, lab.mail2, stick)
  const said = told.map(({ file, outcome }) =>
    'reason' in outcome ? `${file} ${outcome.type}: ${outcome.reason}` : `${file} ${outcome.type}`,
  )
  expect(said).toEqual([
    'a.lightlag refused: its checksum is another, so that it was damaged',
    expect.stringMatching(/^b\.lightlag refused: /),
    'c.lightlag refused: whoever wrote it does not know the secret of mail-1.a.com',
    'd.lightlag refused: whoever wrote it does not know the secret of mail-1.a.com',
    expect.stringMatching(/^e\.lightlag refused: its time was over 1970-01-01T/),
    'f.lightlag refused: it is from evil.org, which is none of the peers',
    'g.lightlag for-another',
    expect.stringMatching(/^h\.lightlag refused: not an ADU of the mail service/),
    expect.stringMatching(/^i\.lightlag refused: it is (?:cut off|none of ours)/),
    'j.lightlag refused: it is cut off',
    expect.stringMatching(/^k\.lightlag later: it cannot be read/),
    `${good} taken`,
  ])
  expect(await filesOn(lab, stick)).toHaveLength(13)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  await lab.lab.stop()
})

test('a program that was stopped while it read a parcel leaves no old answer to the next', async () => {
  const lab = await TestLab.start(peers())
  await lab.submitted(lab.mail1, mailOf('Hello'), ['nobody@mail-2.a.com'])
  await lab.submitted(lab.mail1, mailOf('Hello'))
  const [stick, copy, answer] = [await newStick(lab), await newStick(lab), await newStick(lab)]
  await out(lab, lab.mail1, stick)
  await bringIn(lab, lab.mail2, stick)
  const readFirst = (): Promise<Uint8Array> =>
    withHost(lab, lab.mail2, async (host) => {
      const [parcel] = await host.parcels('')
      return host.parcel(parcel?.key ?? '')
    })
  const before = await readFirst()
  await lab.runFor(5000)
  await out(lab, lab.mail1, copy)
  await bringIn(lab, lab.mail2, copy)
  // Its time, which is counted from when it was made, is another.
  expect(await readFirst()).not.toEqual(before)
  await out(lab, lab.mail2, answer)
  await bringIn(lab, lab.mail1, answer)
  await lab.until('mail-failed')
  await lab.lab.stop()
})

test('one stick goes round several hosts, and each takes what is its own', async () => {
  const lab = await TestLab.start(peers())
  await lab.submitted(lab.mail1, mailOf('to the moon'))
  await lab.submitted(lab.mail2, mailOf('to the earth'))
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  await out(lab, lab.mail2, stick)
  expect(await filesOn(lab, stick)).toHaveLength(2)
  for (const host of [lab.mail1, lab.mail2, lab.mail1, lab.mail2]) {
    await bringIn(lab, host, stick)
    await out(lab, host, stick)
  }
  await lab.until('mail-removed', 4)
  expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(1)
  await lab.lab.stop()
})

test('a peer sends mail of those that it may, and of nobody else', async () => {
  const lab = await TestLab.start(
    peers('carry', ({ host }) =>
      host === 'mail-2.a.com' ? { peers: [{ name: 'mail-1.a.com', senders: ['b.com'] }] } : {},
    ),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'))
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  await bringIn(lab, lab.mail2, stick)
  await out(lab, lab.mail2, stick)
  // Its answers are signed by nobody, and mail-1 asks for that.
  const [answer] = await bringIn(lab, lab.mail1, stick)
  expect(answer?.outcome).toMatchObject({
    type: 'refused',
    reason: 'whoever wrote it does not know the secret of mail-2.a.com',
  })
  expect(await lab.mailbox(lab.mail2)).toEqual([])
  await lab.lab.stop()
})

test('the queue and the story of a mail say that it waits to be carried, and what became of it', async () => {
  const lab = await TestLab.start(peers())
  await lab.submitted(lab.mail1, mailOf('Hello'))
  await lab.runFor(1000)
  const [waiting] = await withHost(lab, lab.mail1, (host) => host.queue())
  expect(formatQueue(waiting ? [waiting] : [], 0)).toContain(
    '(waits to be carried: carry:mail-2.a.com)',
  )
  const story = async (): Promise<string> => {
    const [trace] = await withHost(lab, lab.mail1, (host) => host.trace(waiting?.queueId ?? ''))
    return trace === undefined ? '' : formatTrace(trace)
  }
  expect(await story()).toContain('  gathering, for carry:mail-2.a.com\n')
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  expect(await story()).toMatch(/handed to \/media\/stick as \S+, \d+ bytes/)
  expect(await story()).toContain('  waits for the acknowledgement of carry:mail-2.a.com\n')
  await bringIn(lab, lab.mail2, stick)
  await out(lab, lab.mail2, stick)
  await bringIn(lab, lab.mail1, stick)
  await lab.until('mail-removed', 2)
  expect(await story()).toContain('acknowledged by mail-2.a.com')
  await lab.lab.stop()
})

test('a stick that is full takes what fits, and the next one the rest', async () => {
  const lab = await TestLab.start(peers('carry', () => ({ batch: { mailsMax: 1 } })))
  for (let i = 0; i < 6; i++) {
    await lab.submitted(lab.mail1, mailOf(`mail ${i} ${'x'.repeat(1000)}`))
  }
  const small = await newStick(lab, 4500)
  const first = await out(lab, lab.mail1, small)
  expect(first.trouble).toContain('full')
  expect(first.written).toBeGreaterThan(0)
  expect(first.written + first.left).toBe(6)
  expect((await filesOn(lab, small)).filter((name) => name.endsWith('.part'))).toEqual([])
  await bringIn(lab, lab.mail2, small)
  const large = await newStick(lab)
  await out(lab, lab.mail1, large)
  await bringIn(lab, lab.mail2, large)
  expect(await lab.mailbox(lab.mail2)).toHaveLength(6)
  await lab.lab.stop()
})

test('a mail whose time ends while it waits for a stick is returned, once, and no later stick brings it', async () => {
  const lab = await TestLab.start(
    peers('carry', () => ({ retry: { giveUpAfterMs: 3_600_000, routes: [] } })),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'))
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  const failed = await lab.until('mail-failed')
  expect(failed.event).toMatchObject({ recipient: 'user@mail-2.a.com' })
  await lab.runFor(1000)
  expect(await lab.mailbox(lab.mail1)).toHaveLength(1)
  const [late] = await bringIn(lab, lab.mail2, stick)
  expect(late?.outcome.type).toBe('refused')
  const again = await newStick(lab)
  expect(await out(lab, lab.mail1, again)).toMatchObject({ written: 0, present: 0, left: 0 })
  expect(await lab.mailbox(lab.mail2)).toEqual([])
  await lab.lab.stop()
})

test('a mail that was taken in time counts as delivered although its answer comes late: it is asked after', async () => {
  const lab = await TestLab.start(
    peers('carry', () => ({ retry: { giveUpAfterMs: 3_600_000, routes: [] } })),
  )
  await lab.submitted(lab.mail1, mailOf('Hello'))
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  await bringIn(lab, lab.mail2, stick)
  // The stick with the answer is lost.
  await out(lab, lab.mail2, await newStick(lab))
  await lab.runFor(2 * 3_600_000)
  expect(await out(lab, lab.mail1, stick)).toMatchObject({ written: 1, present: 0 })
  await bringIn(lab, lab.mail2, stick)
  await out(lab, lab.mail2, stick)
  await bringIn(lab, lab.mail1, stick)
  await lab.until('mail-removed', 2)
  expect(lab.events('mail-failed')).toEqual([])
  await lab.lab.stop()
})

test('a host without peers says that it has none', async () => {
  const lab = await TestLab.start(peers('carry', () => ({ transport: [] })))
  const none = await TestLab.start({
    ...peers(),
    hosts: peers().hosts.map(({ peers: _, transport: __, ...host }) => ({
      ...host,
      transport: [],
    })),
  })
  const stick = await newStick(none)
  const fault = await out(none, none.mail1, stick).catch(asFault)
  expect(fault).toMatchObject({ message: 'this host has no peers that mail is carried to' })
  await none.lab.stop()
  await lab.lab.stop()
})

test('of a file that is far too large no more is read than shows it', async () => {
  const lab = await TestLab.start(peers())
  const piece = new Uint8Array(PARCEL_PIECE_BYTES)
  let read = 0
  async function* endless(): AsyncGenerator<Uint8Array, void> {
    for (; read < 500; read++) yield piece
  }
  const outcome = await withHost(lab, lab.mail1, (host) => host.bring(endless()))
  expect(outcome).toEqual({
    type: 'refused',
    reason: 'it is larger than any object that is taken here',
  })
  expect(read).toBeLessThan(200)
  await lab.lab.stop()
})
