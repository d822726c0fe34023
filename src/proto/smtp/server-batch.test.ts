import { describe, expect, test } from 'vitest'
import { BATCH, type Policy, policy, Talk } from '../../../test/support/smtp-talk.ts'

describe('batch (RFC 2442)', () => {
  const MAIL = 'MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\n..x\r\n.\r\n'

  function batch(text: string, decide?: Policy): Talk {
    const talk = new Talk(BATCH, decide)
    talk.hear({ type: 'connected' })
    talk.say(text)
    talk.hear({ type: 'ended' })
    return talk
  }

  test('there is no greeting and no patience to lose', () => {
    const talk = new Talk(BATCH)
    expect(talk.hear({ type: 'connected' })).toBe('')
    talk.lines('EHLO a.com')
    expect(talk.server.deadline).toBeUndefined()
  })

  test('several mails in one object, ended by QUIT', () => {
    const talk = batch(`EHLO a.com\r\n${MAIL}${MAIL}QUIT\r\n`)
    expect(talk.of('end-of-data')).toHaveLength(2)
    expect(talk.body).toBe('.x\r\n.x\r\n')
    expect(talk.of('mail')[0]).toMatchObject({ helo: 'a.com', protocol: 'ESMTP' })
    expect(talk.closed).toBe(true)
  })

  test('an object that begins with MAIL and ends without QUIT is taken', () => {
    const talk = batch(MAIL)
    expect(talk.of('end-of-data')).toHaveLength(1)
    expect(talk.of('mail')[0]?.helo).toBe('')
    expect(talk.closed).toBe(true)
  })

  test('answers may come after the end of the object', () => {
    const talk = batch(MAIL, () => 'later')
    for (let i = 0; i < 4; i++) {
      expect(talk.closed).toBe(false)
      talk.hear({ type: 'verdict', verdict: { ok: true } })
    }
    expect(talk.of('end-of-data')).toHaveLength(1)
    expect(talk.closed).toBe(true)
  })

  test('an object that ends within a mail leaves nothing of it', () => {
    const talk = batch('MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\nhalf')
    expect(talk.heard.at(-1)).toEqual({ type: 'reset' })
    expect(talk.closed).toBe(true)
  })

  test('an object may be larger than what a session may send ahead', () => {
    const text = `${'x'.repeat(98)}\r\n`.repeat(90)
    const one = `MAIL FROM:<a@a.com>\r\nRCPT TO:<b@b.com>\r\nDATA\r\n${text}.\r\n`
    const talk = batch(one.repeat(40), (question) => policy(question))
    expect(talk.of('end-of-data')).toHaveLength(40)
  })
})
