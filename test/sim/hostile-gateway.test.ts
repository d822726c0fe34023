import { expect, test } from 'vitest'
import { concat, fromLatin1 } from '../../src/base/bytes.ts'
import { decodeAdu, encodeAcknowledgement, encodeMails } from '../../src/bridge/adu.ts'
import { PACKINGS } from '../../src/bridge/object-packing.ts'
import { promptPacking } from '../../src/host/packing.ts'
import { decodeBundle, encodeBundle } from '../../src/proto/bpv7/codec.ts'
import { ipnEndpoint, parseEndpointId } from '../../src/proto/bpv7/endpoint-id.ts'
import { writeBatch, writeBatches } from '../../src/proto/smtp/batch.ts'
import { earthMoon, mailOf, TestLab } from '../support/lab.ts'

const TRANSACTION = '001122334455.7'
const FROM = { reversePath: { localPart: 'eve', domain: 'x.org' }, parameters: {} }
const USER = { localPart: 'user', domain: 'mail-2.a.com' }

interface Attack {
  readonly source?: string
  readonly lifetimeMs?: bigint
  /** Bundles with the same payload, sent at once. */
  readonly copies?: number
  /** Copies of one bundle, not several bundles. */
  readonly same?: boolean
}

/** Sends bundles to the mail service of mail-2 from a host that nobody knows. */
async function sendTo2(lab: TestLab, payload: Uint8Array, attack: Attack = {}): Promise<void> {
  const { source = 'ipn:2.2525', lifetimeMs = 3_600_000n, copies = 1, same = false } = attack
  const eve = lab.lab.network.addHost('eve', 'earth', '172.21.0.66')
  const socket = await eve.network.bind({ host: '172.21.0.66', port: 4000 })
  const time = BigInt(lab.lab.world.wall() - 946_684_800_000)
  for (let sequence = 1n; sequence <= copies; sequence++) {
    const bytes = encodeBundle({
      primary: {
        flags: 0n,
        crcType: 2,
        destination: ipnEndpoint(3n, 2525n),
        source: parseEndpointId(source) ?? ipnEndpoint(9n, 9n),
        reportTo: { scheme: 'dtn', ssp: 'none' },
        creationTimestamp: { time, sequence: same ? 1n : sequence },
        lifetimeMs,
      },
      blocks: [],
      payload: { type: 1, number: 1, flags: 0n, crcType: 2, data: payload },
    })
    socket.send(bytes, { host: '172.22.0.3', port: 3113 }, () => {})
  }
  await lab.runFor(5000)
}

/** An object with one mail. */
function objectOf(packed: Uint8Array, packing: number = PACKINGS.plain): Uint8Array {
  return encodeMails({ packing, names: [TRANSACTION], sizes: [], packed })
}

const mail = objectOf(writeBatch('x.org', FROM, [{ recipient: USER }], fromLatin1(mailOf('Hi'))))

test('mail of a peer to whom no plan leads is not taken, and leaves nothing behind', async () => {
  for (const source of ['ipn:77.2525', `dtn://${'a'.repeat(600)}/x`]) {
    const lab = await TestLab.start(earthMoon())
    await sendTo2(lab, mail, { source, lifetimeMs: 2n ** 64n - 1n })
    expect(lab.events('bundle-deleted')).toMatchObject([{ reason: /no plan leads/ }])
    expect(await lab.maildrop(lab.mail2)).toEqual([])
    expect(lab.events('transaction-taken')).toEqual([])
  }
})

test('an ADU that is none is deleted, and no answer sent', async () => {
  for (const payload of [fromLatin1(''), fromLatin1('EHLO x\r\n'), Uint8Array.of(1, 2, 3)]) {
    const lab = await TestLab.start(earthMoon())
    await sendTo2(lab, payload)
    expect(lab.events('bundle-deleted')).toHaveLength(1)
    expect(lab.events('bundle-created')).toEqual([])
  }
})

const bareMail = (to: string, text: string): string =>
  `MAIL FROM:<user@mail-1.a.com>\r\nRCPT TO:<${to}@mail-2.a.com>\r\nDATA\r\nSubject: ${text}\r\n\r\nHi\r\n.\r\n`

test('a bare object of another make is taken once, and what is refused of it reported once (RFC 2442)', async () => {
  const lab = await TestLab.start(earthMoon())
  const object = `EHLO x.org\r\n${bareMail('user', 'one')}${bareMail('nobody', 'two')}${bareMail('user', 'three')}QUIT\r\n`
  await sendTo2(lab, fromLatin1(object), { same: true, copies: 3 })
  expect(await lab.maildrop(lab.mail2)).toHaveLength(2)
  const [report = '', ...others] = await lab.maildrop(lab.mail1)
  expect(others).toEqual([])
  expect(report).toMatch(/Final-Recipient: rfc822; ?nobody@mail-2\.a\.com/)
  expect(lab.events('transaction-acknowledged')).toHaveLength(1)
})

test('a recipient in a bare object that cannot be read keeps no mail from the others, nor those behind it', async () => {
  const lab = await TestLab.start(earthMoon())
  const bad = 'RCPT TO:<nobody at all>\r\nDATA\r\n'
  const object = `${bareMail('user', 'one').replace('DATA\r\n', bad)}${bareMail('user', 'two')}`
  await sendTo2(lab, fromLatin1(object), { same: true, copies: 2 })
  const mails = await lab.maildrop(lab.mail2)
  expect(mails.map((mail) => /Subject: (\w+)/.exec(mail)?.[1]).sort()).toEqual(['one', 'two'])
  expect(lab.events('trouble')[0]).toMatchObject({
    where: expect.stringContaining('1 recipients passed over'),
  })
})

test('a message in a bare object that is refused is reported once, and those behind it are taken', async () => {
  const lab = await TestLab.start(earthMoon())
  const object = bareMail('user', 'one').replace('Hi\r', 'H\ni\r') + bareMail('user', 'two')
  await sendTo2(lab, fromLatin1(object), { same: true, copies: 2 })
  const [mail = '', ...others] = await lab.maildrop(lab.mail2)
  expect(mail).toContain('Subject: two')
  expect(others).toEqual([])
  const reports = await lab.maildrop(lab.mail1)
  expect(reports).toHaveLength(1)
  expect(reports[0]).toMatch(/Final-Recipient: rfc822; ?user@mail-2\.a\.com/)
  expect(reports[0]).toMatch(/Subject: one/)
})

test('what is refused of a bare object is not reported to whom its forger names (RFC 5321 §6.2)', async () => {
  const lab = await TestLab.start(earthMoon())
  const ofUser = bareMail('nobody', 'two').replace('user@mail-1.a.com', 'user@mail-2.a.com')
  const ofStranger = bareMail('nobody', 'three').replace('user@mail-1.a.com', 'ann@victim.org')
  await sendTo2(lab, fromLatin1(`EHLO x.org\r\n${ofUser}${ofStranger}QUIT\r\n`))
  expect(await lab.maildrop(lab.mail2)).toEqual([])
  expect(lab.events('mail-accepted')).toEqual([])
  expect(lab.events('trouble')).toMatchObject([
    { reason: expect.stringMatching(/nobody@mail-2\.a\.com.*not reported to user@mail-2\.a\.com/) },
    { reason: expect.stringContaining('not reported to ann@victim.org') },
  ])
})

test('of a bare object that begins at MAIL and breaks off the whole mails are taken', async () => {
  const lab = await TestLab.start(earthMoon())
  await sendTo2(
    lab,
    fromLatin1(`${bareMail('user', 'one')}${bareMail('user', 'two').slice(0, -9)}`),
  )
  const [mail = '', ...others] = await lab.maildrop(lab.mail2)
  expect(others).toEqual([])
  expect(mail).toContain('Subject: one')
})

test('a batch that cannot be read, or for nobody here, is refused and not remembered', async () => {
  const nobody = { localPart: 'nobody', domain: 'mail-2.a.com' }
  const elsewhere = { localPart: 'user', domain: 'mail-1.a.com' }
  for (const batch of [
    fromLatin1('MAIL FROM:<>\r\n'),
    writeBatch(
      'x.org',
      FROM,
      [{ recipient: nobody }, { recipient: elsewhere }],
      fromLatin1('Hi\r\n'),
    ),
  ]) {
    const lab = await TestLab.start(earthMoon())
    await sendTo2(lab, objectOf(batch))
    expect(lab.events('transaction-taken')).toEqual([])
    expect(lab.events('bundle-created')).toHaveLength(1)
  }
})

test('what one acknowledgement has no room for is refused in a second', async () => {
  const packing = promptPacking
  const lab = await TestLab.start(earthMoon(), { packing })
  const nobodies = (mail: number) =>
    Array.from({ length: 7000 }, (_, i) => ({
      recipient: { localPart: `nobody${mail}-${i}`, domain: 'mail-2.a.com' },
    }))
  const parts = writeBatches(
    'x.org',
    [1, 2, 3].map((mail) => ({
      ...{ from: FROM, recipients: nobodies(mail), message: fromLatin1(mailOf('Hi')) },
    })),
  )
  const object = encodeMails({
    packing: PACKINGS.brotli,
    names: [1, 2, 3].map((mail) => `001122334455.${mail}`),
    sizes: parts.slice(0, -1).map(({ length }) => length),
    packed: await packing.pack(concat(...parts), { format: 'brotli' }),
  })
  expect(object.length).toBeLessThan(60_000)
  await sendTo2(lab, object)
  expect(lab.events('bundle-created')).toHaveLength(2)
})

test('a forged acknowledgement of a transaction that is not open changes nothing', async () => {
  const lab = await TestLab.start(earthMoon())
  await sendTo2(
    lab,
    encodeAcknowledgement({ packings: [], answers: [{ transaction: TRANSACTION, refusals: [] }] }),
  )
  await lab.submitted(lab.mail2, mailOf('Hello'))
  await lab.until('mail-removed', 2)
  expect(await lab.maildrop(lab.mail1)).toHaveLength(1)
})

test('a far side that is said to take nothing gets the next mail all the same, and says then what it takes', async () => {
  const lab = await TestLab.start(earthMoon())
  await lab.submitted(lab.mail2, mailOf('Hello'))
  await lab.until('transaction-sent')
  const [{ transaction = '' } = {}] = lab.events('transaction-sent')
  const answers = [{ transaction, refusals: [] }]
  await sendTo2(lab, encodeAcknowledgement({ packings: [0], objectBytesMax: 0, answers }))
  await lab.submitted(lab.mail2, mailOf('Hello again'))
  await lab.runFor(10_000)
  expect(lab.events('mail-failed')).toEqual([])
  expect(await lab.maildrop(lab.mail1)).toHaveLength(2)
})

test('many copies at once of one transaction become one mail, and are acknowledged together', async () => {
  const lab = await TestLab.start(earthMoon())
  await sendTo2(lab, mail, { copies: 20 })
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  expect(lab.events('transaction-duplicate')).toHaveLength(19)
  expect(lab.events('bundle-created')).toHaveLength(1)
})

test('a recipient named a thousand times gets the mail once', async () => {
  const lab = await TestLab.start(earthMoon())
  const upper = { ...USER, localPart: 'USER' }
  const recipients = Array.from({ length: 1000 }, (_, i) => ({
    recipient: i % 2 === 0 ? USER : upper,
  }))
  const batch = writeBatch('x.org', FROM, recipients, fromLatin1(mailOf('Hi')))
  await sendTo2(lab, objectOf(batch))
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
})

test('what becomes far more than any object when it is unpacked is refused, and its sender hears it', async () => {
  const packing = promptPacking
  const bomb = await packing.pack(new Uint8Array(200_000_000), { format: 'brotli' })
  const lab = await TestLab.start(earthMoon(), { packing })
  await sendTo2(lab, objectOf(bomb, PACKINGS.brotli))
  expect(lab.events('transaction-taken')).toEqual([])
  expect(lab.events('bundle-created')).toHaveLength(1)
})

test('several mails that are too much together are asked for again, and one alone is refused', async () => {
  const packing = promptPacking
  const packed = await packing.pack(new Uint8Array(80_000_000), { format: 'brotli' })
  for (const [names, said] of [
    [['001122334455.1', '001122334455.2'], /^451 4\.3\.4 .*fewer others$/],
    [['001122334455.1'], /^552 5\.3\.4 /],
  ] as const) {
    const lab = await TestLab.start(earthMoon(), { packing })
    const sizes = names.slice(1).map(() => 40_000_000)
    await sendTo2(lab, encodeMails({ packing: PACKINGS.brotli, names, sizes, packed }))
    const [answer] = lab.lab.network.capture.packets.flatMap(({ protocol, payload }) => {
      const bundle = decodeBundle(payload)
      const isBundle = protocol === 'udp' && bundle.ok
      const adu = isBundle ? decodeAdu(bundle.value.payload.data) : undefined
      return adu?.ok && adu.value.type === 'acknowledgement' ? [adu.value] : []
    })
    expect(answer?.objectBytesMax).toBe(lab.mail2.options.limits.messageBytesMax)
    const refusals = answer?.answers.flatMap((one) => one.refusals) ?? []
    expect(refusals).toHaveLength(names.length)
    for (const { code, text } of refusals) expect(`${code} ${text}`).toMatch(said)
  }
})

test('an object packed in a way that nobody here knows is refused, and its sender hears it', async () => {
  const lab = await TestLab.start(earthMoon())
  await sendTo2(lab, objectOf(Uint8Array.of(1, 2, 3), 31))
  expect(lab.events('bundle-created')).toHaveLength(1)
})

test('of an object with several mails those that can be read are taken, and the rest is refused', async () => {
  const lab = await TestLab.start(earthMoon())
  const [first, last] = writeBatches('x.org', [
    { from: FROM, recipients: [{ recipient: USER }], message: fromLatin1(mailOf('First')) },
    { from: FROM, recipients: [{ recipient: USER }], message: fromLatin1(mailOf('Last')) },
  ])
  if (first === undefined || last === undefined) throw new Error('two mails are two parts')
  const parts = [first, fromLatin1('NOOP\r\nNO COMMAND\r\n'), last]
  await sendTo2(
    lab,
    encodeMails({
      packing: PACKINGS.plain,
      names: ['001122334455.1', '001122334455.2', '001122334455.3'],
      sizes: parts.slice(0, -1).map(({ length }) => length),
      packed: concat(...parts),
    }),
  )
  const mails = await lab.maildrop(lab.mail2)
  expect(mails.map((text) => /(First|Last)/.exec(text)?.[0]).sort()).toEqual(['First', 'Last'])
  for (const text of mails) expect(text).toContain('Received: from x.org by mail-2.a.com')
})
