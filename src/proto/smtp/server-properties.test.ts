import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BATCH,
  connected,
  SUBMISSION,
  type Talk,
  TRANSFER,
} from '../../../test/support/smtp-talk.ts'
import { toLatin1 } from '../../base/bytes.ts'

// What follows draws whole dialogues, good and bad.

const line = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom('MAIL FROM:<a@a.com>', 'RCPT TO:<b@b.com>', 'DATA', '.'),
  },
  fc.constantFrom(
    'EHLO a.com',
    'HELO a.com',
    'MAIL FROM:<> SIZE=5',
    'MAIL FROM:<a@a.com> SIZE=99999',
    'RCPT TO:<nobody@b.com>',
    'RSET',
    'NOOP',
    'QUIT',
    'VRFY x',
    'EXPN x',
    'HELP',
    'AUTH PLAIN AHVzZXIAMTIzNDU2',
    'AUTH PLAIN',
    'AUTH LOGIN',
    'AHVzZXIAMTIzNDU2',
    'dXNlcg==',
    '*',
    'what',
    '',
    '..',
    '.a',
    'x'.repeat(600),
    'BDAT 3',
    'BDAT 0',
    'BDAT 12 LAST',
    'BDAT 99999 LAST',
    'MAIL FROM:<> BODY=BINARYMIME',
    'LHLO a.com',
    'STARTTLS',
  ),
)
const ending = fc.oneof({ weight: 20, arbitrary: fc.constant('\r\n') }, fc.constantFrom('\n', '\r'))
const dialogue = fc
  .array(fc.tuple(line, ending), { maxLength: 25 })
  .map((lines) => `EHLO x\r\n${lines.map((pair) => pair.join('')).join('')}`)
const options = fc.constantFrom(
  TRANSFER,
  BATCH,
  { ...TRANSFER, sizeBytesMax: 6, recipientsMax: 1 },
  { ...SUBMISSION, requireAuthentication: false },
  SUBMISSION,
  { ...TRANSFER, vrfy: 'answer' as const, expn: 'answer' as const, tls: 'offered' as const },
  { ...TRANSFER, role: 'lmtp' as const, extensions: ['BINARYMIME' as const] },
)

function pieces(text: string, cuts: readonly number[]): string[] {
  const at = [...new Set(cuts.map((cut) => cut % (text.length + 1)))].sort((a, b) => a - b)
  return [0, ...at].map((from, i) => text.slice(from, [...at, text.length][i]))
}

/**
 * Everything that was done, with what may be cut differently put together. How much came of a message
 * that was found too large does not matter: it is thrown away.
 */
function done(talk: Talk): unknown {
  const others = talk.heard.filter(({ type }) => type !== 'body')
  const bodies: string[] = []
  let body = ''
  for (const question of talk.heard) {
    if (question.type === 'body') body += toLatin1(question.bytes)
    else if (question.type === 'end-of-data') bodies.push(body)
    if (question.type === 'end-of-data' || question.type === 'reset') body = ''
  }
  return { sent: talk.sent, bodies, others, closed: talk.closed }
}

test('property: how the bytes are cut into chunks changes nothing', () => {
  fc.assert(
    fc.property(options, dialogue, fc.array(fc.nat()), (chosen, text, cuts) => {
      const whole = connected(chosen)
      whole.say(text)
      const cut = connected(chosen)
      for (const piece of pieces(text, cuts)) cut.say(piece)
      expect(done(cut)).toEqual(done(whole))
    }),
    { numRuns: 500 },
  )
})

test('property: no bytes make the machine throw, and what it sends are reply lines', () => {
  const noise = fc.array(fc.oneof(dialogue, fc.string({ unit: 'binary-ascii' })), { maxLength: 6 })
  fc.assert(
    fc.property(options, noise, (chosen, chunks) => {
      const talk = connected(chosen)
      for (const chunk of chunks) talk.say(chunk)
      expect(talk.sent).toMatch(/^(?:[2345]\d\d[ -][\t -~]*\r\n)*$/)
    }),
  )
})

test('property: every mail that was not refused ends in exactly one end-of-data or reset', () => {
  const late = fc.array(fc.constantFrom<'yes' | 'no' | 'later'>('yes', 'yes', 'yes', 'no', 'later'))
  fc.assert(
    fc.property(options, dialogue, late, (chosen, text, answers) => {
      let next = 0
      let refused = 0
      const talk = connected(chosen, (question) => {
        const answer = answers[next++] ?? 'yes'
        if (question.type === 'mail' && answer === 'no') refused++
        if (answer === 'later') return 'later'
        return answer === 'yes'
          ? { ok: true }
          : { ok: false, reply: { code: 450, lines: ['not now'] } }
      })
      talk.say(text)
      talk.hear({ type: 'ended' })
      if (chosen.role === 'batch' && !talk.closed) return
      const ends = talk.of('end-of-data').length + talk.of('reset').length
      expect(ends).toBe(talk.of('mail').length - refused)
    }),
    { numRuns: 500 },
  )
})
