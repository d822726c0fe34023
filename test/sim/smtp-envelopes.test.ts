/** What a mail was given with goes on with it, also over bundles. */

import { expect, test } from 'vitest'
import type { Scenario } from '../../src/config/scenario.ts'
import { earthMoon, TestLab } from '../support/lab.ts'
import { Typist } from '../support/typist.ts'

const LOGIN = 'AUTH PLAIN AHVzZXIAMTIzNDU2'
/** Lines that no DATA could carry. */
const BINARY = 'Subject: binary\r\nMIME-Version: 1.0\r\n\r\n\0\n.\nMAIL\r.\r\xff'

async function submitting(lab: TestLab, isSecure: boolean): Promise<Typist> {
  const { submission } = lab.mail1.options
  if (submission === undefined) throw new Error('no submission service')
  const typist = await Typist.to(lab.lab, lab.mail1.machine.network, submission.listen)
  await typist.reply()
  if (isSecure) {
    await typist.say('EHLO client.a.com', 'STARTTLS')
    await typist.secure()
  }
  await typist.say('EHLO client.a.com')
  expect(await typist.say(LOGIN)).toEqual([expect.stringMatching(/^235 /)])
  return typist
}

async function deliver(
  typist: Typist,
  to: string,
  parameters: string,
  message: string,
): Promise<void> {
  await typist.say(`MAIL FROM:<user@mail-1.a.com>${parameters}`, `RCPT TO:<${to}>`)
  typist.type(`BDAT ${message.length} LAST\r\n${message}`)
  expect(await typist.reply()).toMatch(/^250 2\.0\.0 Ok: queued as/)
}

test('what is BINARYMIME arrives with every octet, here and across a gap (RFC 3030 §3)', async () => {
  const lab = await TestLab.start(earthMoon())
  const typist = await submitting(lab, false)
  for (const to of ['user@mail-1.a.com', 'user@mail-2.a.com']) {
    await deliver(typist, to, ' BODY=BINARYMIME', BINARY)
  }
  await lab.until('mail-removed', 2)
  for (const host of [lab.mail1, lab.mail2]) {
    const [file] = await lab.mailbox(host)
    expect(file?.slice(-BINARY.length)).toBe(BINARY)
  }
  await lab.lab.stop()
})

test('a mail that requires TLS all the way does not go where there is none, and the report says why (RFC 8689 §4.2.1)', async () => {
  const lab = await TestLab.start(earthMoon())
  const typist = await submitting(lab, true)
  await deliver(typist, 'user@mail-2.a.com', ' REQUIRETLS RET=FULL', 'Subject: x\r\n\r\nsecret\r\n')
  expect((await lab.until('mail-failed')).event).toMatchObject({
    reason: expect.stringContaining('REQUIRETLS'),
  })
  await lab.until('mail-removed', 2)
  const [report = ''] = await lab.mailbox(lab.mail1)
  expect(report).toContain('Status: 5.7.30')
  // RFC 8689 §5.
  expect(report).toContain('text/rfc822-headers')
  expect(report).not.toContain('secret')
  expect(await lab.mailbox(lab.mail2)).toEqual([])
  await lab.lab.stop()
})

test('it goes on with its wish by SMTP (RFC 8689 §4.1)', async () => {
  const scenario: Scenario = earthMoon()
  const lab = await TestLab.start({
    ...scenario,
    hosts: scenario.hosts.map((host) => ({
      ...host,
      transport: [{ domain: '*', route: 'smtp:' }],
    })),
  })
  const typist = await submitting(lab, true)
  await deliver(typist, 'user@mail-2.a.com', ' REQUIRETLS', 'Subject: x\r\n\r\nhello\r\n')
  await lab.until('mail-delivered')
  const [mail = ''] = await lab.mailbox(lab.mail2)
  expect(mail).toContain('ESMTPS')
  await lab.lab.stop()
})
