import { expect, test } from 'vitest'
import { HELD_PARTS_MAX } from '../../src/bridge/limits.ts'
import {
  ASK,
  addressesIn,
  heldAddress,
  PHOTO,
  ROUTE,
  startHolding,
  withPhoto,
} from '../support/cheap-lab.ts'
import { mailOf } from '../support/lab.ts'

const DAY_MS = 86_400_000

test('an attachment above the limit waits, its notice crosses, and a reply fetches it, once', async () => {
  const lab = await startHolding()
  const address = await heldAddress(lab)
  const [crossed = ''] = await lab.maildrop(lab.mail2)
  expect(crossed).toContain('See the photo.')
  expect(crossed).not.toContain('QUJDQUJD')
  expect(crossed).toMatch(
    /^X-Lightlag-Held-Back: 1 of its parts, 3\d\d\d octets, at\s+mail-1\.a\.com;/m,
  )
  expect(crossed.replace(/\s+/g, ' ')).toContain(`From: Held attachment <${address}>`)
  expect(crossed).toContain('Subject: Held back: photo.jpg (3KiB)')
  expect(await lab.submitted(lab.mail2, ASK, [address])).toMatchObject([{ code: 250 }])
  await lab.runFor(10_000)
  const mails = await lab.maildrop(lab.mail2)
  expect(mails).toHaveLength(2)
  const [, photo = ''] = mails
  expect(photo).toContain('From: "An User" <user@mail-1.a.com>')
  expect(photo).toContain('In-Reply-To: <photo@mail-1.a.com>')
  expect(photo).toContain('Content-Type: image/jpeg; name="photo.jpg"')
  expect(photo).not.toContain('Bcc:')
  // Larger than the limit, and not held back again.
  expect(photo.slice(photo.indexOf('\r\n\r\n') + 4)).toBe(PHOTO)
  // A second reply is refused by the near side, and its report is the far side's own.
  await lab.submitted(lab.mail2, ASK, [address])
  await lab.runFor(10_000)
  const [, , report = ''] = await lab.maildrop(lab.mail2)
  expect(report.replace(/\s+/g, ' ')).toContain(
    'said: 550 5.1.1 No attachment is held here for <user@mail-2.a.com> by that name',
  )
  expect(await lab.maildrop(lab.mail1)).toEqual([])
  expect(lab.events('mail-failed')).toHaveLength(1)
})

test('a mail that is one attachment and nothing else crosses as a notice, and a reply fetches it', async () => {
  const lab = await startHolding()
  const mail = [
    'From: "An User" <user@mail-1.a.com>',
    'To: <user@mail-2.a.com>',
    'Content-Type: application/pdf; name="paper.pdf"',
    'Content-Transfer-Encoding: base64',
    'Subject: the paper',
    '',
    PHOTO,
  ].join('\r\n')
  await lab.submitted(lab.mail1, mail)
  await lab.runFor(10_000)
  const [crossed = ''] = await lab.maildrop(lab.mail2)
  expect(crossed).not.toContain('QUJDQUJD')
  expect(crossed).not.toMatch(/^Content-Transfer-Encoding/m)
  const [header = '', ...notice] = crossed.split(/(?=^--held-)/m)
  expect(header).toMatch(/^X-Lightlag-Held-Back: 1 of its parts/m)
  expect(header).toMatch(/^Subject: the paper\r$/m)
  expect(header.match(/^Content-Type: .*\r$/gm)).toEqual([
    expect.stringMatching(/^Content-Type: multipart\/mixed; boundary=held-[0-9a-f]{32}\r$/),
  ])
  expect(notice.join('')).toContain('Subject: Held back: paper.pdf')
  const [address = ''] = addressesIn([crossed])
  await lab.submitted(lab.mail2, ASK, [address])
  await lab.runFor(10_000)
  const [, paper = ''] = await lab.maildrop(lab.mail2)
  expect(paper).toContain('Content-Type: application/pdf; name="paper.pdf"')
  expect(paper).toContain('Subject: the paper')
  expect(paper.slice(paper.indexOf('\r\n\r\n') + 4)).toBe(PHOTO)
})

test('who was not among the recipients fetches nothing, and neither does whoever guesses', async () => {
  const lab = await startHolding()
  const address = await heldAddress(lab)
  // Of the near host: a user knows the name of what he sent, and is none of the recipients.
  expect(await lab.submitted(lab.mail1, ASK, [address])).toMatchObject([{ code: 550 }])
  const wrong = address.replace(/\+./, (first) => (first === '+0' ? '+1' : '+0'))
  await lab.submitted(lab.mail2, ASK, [wrong])
  await lab.submitted(lab.mail2, ASK, ['lightlag-held@mail-1.a.com'])
  await lab.runFor(10_000)
  const mails = await lab.maildrop(lab.mail2)
  expect(mails.filter((mail) => mail.includes(PHOTO))).toEqual([])
  expect(mails.filter((mail) => mail.includes('Undelivered'))).toHaveLength(2)
})

test('what is signed, encrypted or the text itself crosses whole', async () => {
  const lab = await startHolding()
  const sealed = withPhoto('See the photo.').replace('multipart/mixed', 'multipart/signed')
  await lab.submitted(lab.mail1, sealed)
  await lab.submitted(lab.mail1, mailOf(PHOTO))
  await lab.runFor(10_000)
  const mails = await lab.maildrop(lab.mail2)
  expect(mails).toHaveLength(2)
  for (const mail of mails) expect(mail).toContain(PHOTO)
})

test('who claims that a mail brings what was asked for has its attachments held back all the same', async () => {
  const lab = await startHolding()
  const claim = 'x-lightlag-held-back: sent on demand by mail-1.a.com\r\n'
  await lab.submitted(lab.mail1, claim + withPhoto('See the photo.'))
  await lab.runFor(10_000)
  const [crossed = ''] = await lab.maildrop(lab.mail2)
  expect(crossed).not.toContain('QUJDQUJD')
  expect(crossed).toContain('Subject: Held back: photo.jpg')
  expect(crossed).not.toContain('sent on demand')
})

test('a mail whose attachments find no room waits until some are fetched or over, and the queue says why', async () => {
  const lab = await startHolding({ heldBack: { bytesMax: 5000, keepMs: DAY_MS } })
  await heldAddress(lab)
  await lab.submitted(lab.mail1, withPhoto('Another photo.'))
  await lab.runFor(3_600_000)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(1)
  expect(lab.events('mail-deferred').at(-1)?.reason).toBe(
    'attachments of 2.9KiB wait for room here: 2.9KiB of 4.9KiB are taken until they are fetched or over',
  )
  await lab.submitted(lab.mail1, withPhoto('Too large.', PHOTO.repeat(2)))
  await lab.runFor(DAY_MS)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(2)
  const [report = ''] = await lab.maildrop(lab.mail1)
  expect(report).toContain('attachments of 5.8KiB, and there is room here for 4.9KiB')
  expect(report).toContain('Status: 5.3.4')
})

test('an attachment is over after its time, and who asks then is told', async () => {
  const lab = await startHolding({ heldBack: { keepMs: DAY_MS } })
  const address = await heldAddress(lab)
  await lab.runFor(DAY_MS)
  await lab.submitted(lab.mail2, ASK, [address])
  await lab.runFor(10_000)
  const [, report = ''] = await lab.maildrop(lab.mail2)
  expect(report).toContain('No attachment is held here')
})

test('an attachment that could not cross later either is no reason to let the rest go', async () => {
  const lab = await startHolding({
    links: [{ route: ROUTE, holdBackAbove: 2000, mailBytesMax: 3000 }],
  })
  await lab.submitted(lab.mail1, withPhoto('See the photo.'))
  await lab.runFor(10_000)
  expect(await lab.maildrop(lab.mail2)).toEqual([])
  expect(await lab.maildrop(lab.mail1)).toEqual([expect.stringContaining('Status: 5.3.4')])
})

test('an attachment that does not arrive comes back to whoever sent it', async () => {
  const lab = await startHolding({}, { giveUpAfterMs: DAY_MS })
  const address = await heldAddress(lab)
  await lab.submitted(lab.mail2, ASK, [address])
  await lab.runFor(700)
  lab.lab.network.setLink(['earth', 'moon'], { lossShare: 1 })
  await lab.runFor(3 * DAY_MS)
  const [report = ''] = await lab.maildrop(lab.mail1)
  expect(report).toContain('Subject: Undelivered Mail Returned to Sender')
  expect(report).toContain('Final-Recipient: rfc822; user@mail-2.a.com')
})

test('of very many attachments the largest are held back', async () => {
  const lab = await startHolding()
  const part = (i: number): string =>
    `--b\r\nContent-Type: image/png; name=${i}.png\r\n\r\n${'x'.repeat(900).concat('\r\n').repeat(3)}${'y'.repeat(i)}\r\n`
  const parts = Array.from({ length: HELD_PARTS_MAX + 1 }, (_, i) => part(i)).join('')
  const header = 'From: <user@mail-1.a.com>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n'
  await lab.submitted(lab.mail1, `${header}${parts}--b--\r\n`)
  await lab.runFor(10_000)
  const mails = await lab.maildrop(lab.mail2)
  expect(addressesIn(mails)).toHaveLength(HELD_PARTS_MAX)
  expect(mails[0]).toContain('Content-Type: image/png; name=0.png')
})

test('an alias for everybody takes no requests, and an attachment as large as a mail may be crosses', async () => {
  const member = { localPart: 'user', domain: 'mail-1.a.com' }
  const lab = await startHolding({
    aliases: [{ address: '@mail-1.a.com', members: [member] }],
    links: [{ route: ROUTE, holdBackAbove: 2000, mailBytesMax: 3100 }],
  })
  const address = await heldAddress(lab)
  await lab.submitted(lab.mail2, ASK, [address])
  await lab.runFor(10_000)
  expect(await lab.maildrop(lab.mail2)).toHaveLength(2)
  expect(await lab.maildrop(lab.mail1)).toEqual([])
})

test('who asks twice in a breath gets it once, and hears of no failure', async () => {
  const lab = await startHolding()
  const address = await heldAddress(lab)
  const asked = [lab.submit(lab.mail2, ASK, [address]), lab.submit(lab.mail2, ASK, [address])]
  await lab.lab.perform(Promise.all(asked))
  await lab.runFor(3_600_000)
  const mails = await lab.maildrop(lab.mail2)
  expect(mails).toHaveLength(2)
  expect(mails.filter((mail) => mail.includes(PHOTO))).toHaveLength(1)
  expect(lab.events('mail-failed')).toEqual([])
})
