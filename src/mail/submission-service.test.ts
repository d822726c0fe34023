import { describe, expect, it } from 'vitest'
import { pass, QUEUE_OPTIONS } from '../../test/support/mail-stage.ts'
import { bench, FAR, LOGIN, NEAR, spooled, typesOf } from '../../test/support/smtp-bench.ts'
import { fromLatin1, toBase64 } from '../base/bytes.ts'

describe('the submission service', () => {
  it('takes mail for anywhere from its users, into the queue, durable before the 250', async () => {
    const { stage, connect, say } = await bench(
      'submission',
      {},
      {
        remote: () => new Promise(() => {}),
      },
    )
    const stream = connect()
    expect(await say(stream, 'EHLO client.a.com')).toContain('AUTH PLAIN LOGIN')
    expect(await say(stream, LOGIN)).toMatch(/^235 /)
    await say(stream, `MAIL FROM:<${NEAR}>`, `RCPT TO:<${FAR}>`, `RCPT TO:<${NEAR}>`, 'DATA')
    expect(await say(stream, 'Subject: hello', '', 'Hello', '.')).toMatch(/^250 /)
    expect(spooled(stage).some((key) => key.startsWith('e/'))).toBe(true)
    const [sent] = stage.sent
    expect(sent).toMatch(/with\r\n\tESMTPA id \w+; Mon, 23 Nov 2026/)
    expect(sent).toContain('\r\nDate: Mon, 23 Nov 2026 08:00:00 +0000\r\nMessage-ID: <')
    expect(typesOf(stage).slice(2)).toEqual(['authenticated', 'mail-accepted', 'mail-delivered'])
    expect(stage.events.find(({ type }) => type === 'mail-accepted')).toMatchObject({
      via: 'submission',
      from: `<${NEAR}>`,
      recipients: [FAR, NEAR],
    })
  })

  it('lets users alone say when their mail is to go', async () => {
    const offers: boolean[] = []
    for (const service of ['smtp', 'submission'] as const) {
      const { connect, say } = await bench(service)
      const stream = connect()
      offers.push((await say(stream, 'EHLO c')).includes('FUTURERELEASE 2592000'))
      if (service === 'submission') continue
      expect(await say(stream, 'MAIL FROM:<ann@b.com> HOLDFOR=60')).toMatch(/^555 5\.5\.4 /)
    }
    expect(offers).toEqual([false, true])
  })

  it('takes nothing without a password (530), nor with a wrong one (535)', async () => {
    const { stage, connect, say } = await bench('submission')
    const stream = connect()
    await say(stream, 'EHLO c')
    expect(await say(stream, `MAIL FROM:<${NEAR}>`)).toMatch(/^530 5\.7\.0 /)
    expect(await say(stream, `AUTH PLAIN ${toBase64(fromLatin1('\0user\0wrong'))}`)).toBe('')
    await pass(stage, 1000)
    expect(stream.heard).toMatch(/\r\n535 5\.7\.8 [^\r]*\r\n$/)
    expect(typesOf(stage)).toContain('authentication-failed')
    expect(JSON.stringify(stage.events)).not.toContain('wrong')
  })

  it('does not offer AUTH where passwords may not cross unencrypted', async () => {
    const { connect, say } = await bench('submission', { plaintextAuth: 'refuse' })
    const stream = connect()
    expect(await say(stream, 'EHLO c')).not.toContain('AUTH')
    expect(await say(stream, LOGIN)).toMatch(/^5/)
  })

  it('says that a domain is nowhere to be found (550 5.1.2)', async () => {
    const { connect, say } = await bench('submission')
    const stream = connect()
    await say(stream, 'EHLO c', LOGIN, `MAIL FROM:<${NEAR}>`)
    expect(await say(stream, 'RCPT TO:<x@nowhere.org>')).toMatch(/^550 5\.1\.2 /)
  })

  it('a full spool is a reason to try later, said at MAIL where the size is known (452 4.3.1)', async () => {
    const { stage, connect, say } = await bench(
      'submission',
      {},
      {
        queue: { ...QUEUE_OPTIONS, spool: { bytesMax: 10_000, messagesMax: 10 } },
      },
    )
    const stream = connect()
    await say(stream, 'EHLO c', LOGIN)
    expect(await say(stream, `MAIL FROM:<${NEAR}> SIZE=20000`)).toMatch(/^452 4\.3\.1 /)
    await say(stream, `MAIL FROM:<${NEAR}>`, `RCPT TO:<${FAR}>`, 'DATA')
    const lines = Array.from({ length: 20 }, () => 'x'.repeat(998))
    expect(await say(stream, ...lines, '.')).toMatch(/^452 4\.3\.1 /)
    expect(spooled(stage)).toEqual([])
    await say(stream, `MAIL FROM:<${NEAR}>`, `RCPT TO:<${FAR}>`, 'DATA')
    expect(await say(stream, 'Hello', '.')).toMatch(/^250 /)
  })
})
