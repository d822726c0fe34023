/** What a far gateway's mail says that others found out about it. RFC 8601. */

import { expect, test } from 'vitest'
import { TestLab } from '../support/lab.ts'
import { bringIn, newStick, out, peers } from '../support/stick.ts'

const MAIL = [
  'Authentication-Results: mail-1.a.com; dkim=pass header.d=bank.example',
  'Authentication-Results: mail-2.a.com; dkim=pass header.d=bank.example',
  'Authentication-Results: mx.evil.org; dkim=pass header.d=bank.example',
  'From: <user@mail-1.a.com>',
  '',
  'Hello',
  '',
].join('\r\n')

async function arrived(results?: readonly string[]): Promise<readonly string[]> {
  const lab = await TestLab.start(
    peers('carry', ({ host }) =>
      host === 'mail-2.a.com' && results !== undefined
        ? { peers: [{ name: 'mail-1.a.com', results }] }
        : {},
    ),
  )
  await lab.submitted(lab.mail1, MAIL)
  const stick = await newStick(lab)
  await out(lab, lab.mail1, stick)
  await bringIn(lab, lab.mail2, stick)
  const [mail = ''] = await lab.mailbox(lab.mail2)
  await lab.lab.stop()
  expect(mail).toContain('\r\n\r\nHello\r\n')
  return mail.split('\r\n').filter((line) => line.startsWith('Authentication-Results:'))
}

test('nobody is believed who is not named', async () => {
  expect(await arrived()).toEqual([])
})

test('whoever is named for this gateway is believed, and nobody else', async () => {
  expect(await arrived(['mail-1.a.com'])).toEqual([
    'Authentication-Results: mail-1.a.com; dkim=pass header.d=bank.example',
  ])
})
