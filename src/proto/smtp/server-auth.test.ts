import { describe, expect, test } from 'vitest'
import { connected, greeted, SUBMISSION } from '../../../test/support/smtp-talk.ts'
import { addMs } from '../../base/time.ts'
import { AUTH_FAILURES_MAX, SERVER_TIMEOUT_MS } from './limits.ts'

describe('AUTH (RFC 2554 §4)', () => {
  const PLAIN = 'AHVzZXIAMTIzNDU2'
  const WRONG = 'AHVzZXIAd3Jvbmc='

  test('PLAIN with an initial response', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines(`AUTH PLAIN ${PLAIN}`)).toBe('235 2.7.0 Authentication successful\r\n')
    expect(talk.of('authenticate')).toEqual([
      { type: 'authenticate', mechanism: 'PLAIN', user: 'user', password: '123456' },
    ])
    talk.lines('MAIL FROM:<user@a.com>')
    expect(talk.of('mail')[0]).toMatchObject({ user: 'user', protocol: 'ESMTPA' })
  })

  test('PLAIN without an initial response', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines('auth plain')).toBe('334 \r\n')
    expect(talk.lines(PLAIN)).toBe('235 2.7.0 Authentication successful\r\n')
  })

  test('LOGIN, with and without the user name in the command (draft-murchison-sasl-login §2.2)', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines('AUTH LOGIN')).toBe('334 VXNlcm5hbWU6\r\n')
    expect(talk.lines('dXNlcg==')).toBe('334 UGFzc3dvcmQ6\r\n')
    expect(talk.lines('MTIzNDU2')).toContain('235')
    const short = greeted(SUBMISSION)
    expect(short.lines('AUTH LOGIN dXNlcg==')).toBe('334 UGFzc3dvcmQ6\r\n')
    expect(short.lines('MTIzNDU2')).toContain('235')
  })

  test('`*` cancels with 501', () => {
    const talk = greeted(SUBMISSION)
    talk.lines('AUTH PLAIN')
    expect(talk.lines('*')).toBe('501 5.7.0 Authentication aborted\r\n')
    expect(talk.lines(`AUTH PLAIN ${PLAIN}`)).toContain('235')
  })

  test('what is no base64 is answered 501, what the mechanism does not know 535', () => {
    const talk = greeted(SUBMISSION)
    expect(talk.lines('AUTH PLAIN abc')).toBe('501 5.5.2 Error: cannot decode base64 response\r\n')
    expect(talk.lines('AUTH PLAIN =')).toBe('535 5.7.8 Error: authentication failed\r\n')
    expect(talk.lines('AUTH PLAIN AAAA')).toBe('535 5.7.8 Error: authentication failed\r\n')
  })

  test('a wrong password is answered 535, and the third is the last', () => {
    const talk = greeted(SUBMISSION)
    for (let failures = 1; failures <= AUTH_FAILURES_MAX; failures++) {
      expect(talk.lines(`AUTH PLAIN ${WRONG}`, 'NOOP')).toBe(
        failures < AUTH_FAILURES_MAX
          ? '535 5.7.8 Error: authentication failed\r\n250 2.0.0 Ok\r\n'
          : '535 5.7.8 Error: authentication failed\r\n421 4.7.0 mail-1.a.com Error: too many errors\r\n',
      )
    }
    expect(talk.closed).toBe(true)
    expect(talk.server.deadline).toBeUndefined()
  })

  test('after a wrong password the right one is taken, and the session waits for as long as ever', () => {
    const talk = greeted(SUBMISSION)
    talk.lines(`AUTH PLAIN ${WRONG}`)
    expect(talk.server.deadline).toBe(addMs(talk.now, SERVER_TIMEOUT_MS))
    expect(talk.lines(`AUTH PLAIN ${PLAIN}`)).toContain('235')
  })

  test('mail before it is answered 530 (RFC 2554 §6)', () => {
    expect(greeted(SUBMISSION).lines('MAIL FROM:<a@a.com>')).toBe(
      '530 5.7.0 Authentication required\r\n',
    )
  })

  test('it is refused twice, in a transaction, after HELO, and where it is not offered', () => {
    const twice = greeted(SUBMISSION)
    twice.lines(`AUTH PLAIN ${PLAIN}`)
    expect(twice.lines(`AUTH PLAIN ${PLAIN}`)).toContain('503 5.5.1')
    const late = greeted({ ...SUBMISSION, requireAuthentication: false })
    late.lines('MAIL FROM:<a@a.com>')
    expect(late.lines(`AUTH PLAIN ${PLAIN}`)).toContain('503 5.5.1')
    const old = connected(SUBMISSION)
    old.lines('HELO x')
    expect(old.lines(`AUTH PLAIN ${PLAIN}`)).toContain('503 5.5.1')
    expect(greeted().lines(`AUTH PLAIN ${PLAIN}`)).toContain('502 5.5.1')
  })

  test('a mechanism that is not offered is answered 504', () => {
    expect(greeted(SUBMISSION).lines('AUTH CRAM-MD5')).toBe(
      '504 5.5.4 Unrecognized authentication type\r\n',
    )
    expect(greeted({ ...SUBMISSION, mechanisms: ['PLAIN'] }).lines('AUTH LOGIN')).toContain('504')
  })

  test('its lines may be longer than other commands', () => {
    const long = 'A'.repeat(4000)
    expect(greeted(SUBMISSION).lines(`AUTH PLAIN ${long}`)).toContain('535')
    const talk = greeted(SUBMISSION)
    talk.lines('AUTH PLAIN')
    expect(talk.lines('A'.repeat(12_287))).toBe('500 5.5.2 Error: line too long\r\n')
    expect(talk.lines('NOOP')).toBe('250 2.0.0 Ok\r\n')
  })

  test('no secret reaches the log', () => {
    const talk = greeted(SUBMISSION)
    talk.lines(`AUTH CRAM-MD5 ${PLAIN}`, PLAIN, 'AUTH PLAIN', `!${PLAIN}`)
    expect(talk.of('refused').map((refused) => refused.command)).toEqual([
      'AUTH',
      '(unknown)',
      'AUTH',
    ])
  })
})
