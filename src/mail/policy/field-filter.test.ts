import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../../base/bytes.ts'
import { FieldFilter } from './field-filter.ts'

function filtered(...pieces: readonly string[]): string {
  const filter = new FieldFilter('X-Claim', (field) => field.includes('mine'))
  const out = pieces.map((piece) => filter.push(fromLatin1(piece)))
  return toLatin1(concat(...out, filter.end()))
}

test('the name may be as far from its colon as it likes, and come in as many pieces', () => {
  const space = ' \t'.repeat(2500)
  for (const pieces of [
    [`X-Claim${space}: mine\r\n`],
    [`X-Claim${space}`, ': mine\r\n'],
    [`X-Claim${space}`, space, ': ', 'mi', 'ne', '\r\n and more\r\n'],
  ]) {
    expect(filtered('From: a@b.com\r\n', ...pieces, 'To: c@d.com\r\n\r\nHello')).toBe(
      'From: a@b.com\r\nTo: c@d.com\r\n\r\nHello',
    )
  }
  const kept = [`X-Claim${space}`, ': of others\r\n', `X-Claims${space}`, ': mine\r\n\r\n']
  expect(filtered(...kept)).toBe(kept.join(''))
})
