import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromUtf8 } from '../../base/bytes.ts'
import { wallMs } from '../../base/time.ts'
import { HeaderReader } from './header.ts'
import {
  formatAddressLiteral,
  formatDeliveredTo,
  formatReceived,
  formatReturnPath,
  type ReceivedTrace,
} from './trace.ts'

const TRACE: ReceivedTrace = {
  helo: 'client.a.com',
  peer: '172.21.0.4',
  by: 'mail-1.a.com',
  protocol: 'ESMTPA',
  id: '01K1ABCDEFGHJKMN',
  recipient: 'user@mail-2.a.com',
  date: wallMs(1_795_420_800_000),
}

describe('trace fields', () => {
  it('Received has its clauses in order, folded at 78 characters (RFC 5321 §4.4)', () => {
    expect(formatReceived(TRACE)).toBe(
      'Received: from client.a.com ([172.21.0.4]) by mail-1.a.com (Lightlag) with\r\n' +
        '\tESMTPA id 01K1ABCDEFGHJKMN for <user@mail-2.a.com>;\r\n' +
        '\tMon, 23 Nov 2026 08:00:00 +0000\r\n',
    )
  })

  it('Received names no recipient where there are several (RFC 5321 §4.4)', () => {
    const text = formatReceived({ ...TRACE, recipient: undefined })
    expect(text).not.toContain('for')
    expect(text).toContain('id 01K1ABCDEFGHJKMN; Mon,')
  })

  it('Received stands without what is not known of the client', () => {
    const nobody = { ...TRACE, helo: undefined }
    expect(formatReceived(nobody)).toContain('Received: from [172.21.0.4] ([172.21.0.4]) by')
    expect(formatReceived({ ...nobody, peer: undefined })).toContain('Received: by mail-1.a.com')
  })

  it('a client cannot write clauses or lines of its own through its name', () => {
    const text = formatReceived({ ...TRACE, helo: 'x (y)\r\nEvil: 1; z' })
    expect(text).toContain('from x??y???Evil:?1??z ([172.21.0.4])')
  })

  it('Return-Path shows the null reverse-path as <> (RFC 5321 §4.4)', () => {
    expect(formatReturnPath('user@mail-1.a.com')).toBe('Return-Path: <user@mail-1.a.com>\r\n')
    expect(formatReturnPath('')).toBe('Return-Path: <>\r\n')
    expect(formatDeliveredTo('user@mail-2.a.com')).toBe('Delivered-To: user@mail-2.a.com\r\n')
  })

  it('an IPv6 address literal has its tag (RFC 5321 §4.1.3)', () => {
    expect(formatAddressLiteral('fd00::3')).toBe('[IPv6:fd00::3]')
  })

  it('property: whatever the client says, Received is one field', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ maxLength: 50 }), (helo, recipient) => {
        const reader = new HeaderReader()
        reader.push(fromUtf8(`${formatReceived({ ...TRACE, helo, recipient })}\r\n`))
        expect(reader.state).toBe('complete')
        expect(reader.fields.map((field) => field.name)).toEqual(['received'])
      }),
    )
  })
})
