import fc from 'fast-check'
import { expect, it } from 'vitest'
import { fromLatin1, fromUtf8, toLatin1, toUtf8 } from '../../base/bytes.ts'
import { bareLfToCrlf } from '../../proto/message/line-endings.ts'
import { StructureReader } from '../../proto/message/structure.ts'
import { inMemory } from './content.ts'
import { messageHead, parseWholeDigest, wholeMessage } from './digests.ts'
import { fingerprint, readText } from './message-text.ts'
import { formatSummary } from './summary.ts'

const line = fc.constantFrom(
  'Subject: =?utf-8?q?a?= b',
  'Content-Type: multipart/mixed; boundary=x',
  'Content-Type: text/plain; charset=utf-8',
  'Content-Type: message/rfc822',
  '--x',
  '--x--',
  'From: Ann <ann@a.com>',
  ' folded',
  'text \xe4',
  '',
)
const file = fc
  .tuple(fc.array(line), fc.constantFrom('\n', '\r\n'))
  .map(([lines, end]) => fromLatin1(lines.map((one) => one + end).join('')))

it('knows of a message, whatever ends its lines, what reading it as it is sent tells', async () => {
  await fc.assert(
    fc.asyncProperty(file, async (bytes) => {
      const sent = bareLfToCrlf(bytes, undefined)
      const reader = new StructureReader()
      reader.push(sent)
      const { fields, part } = reader.end()
      const text = await readText(inMemory(sent), part)
      const digest = parseWholeDigest(wholeMessage.make(bytes, sent.length))
      expect(toLatin1(digest.summary)).toBe(toLatin1(formatSummary(fields)))
      expect(JSON.parse(toUtf8(digest.part))).toEqual(JSON.parse(JSON.stringify(part)))
      expect(digest.fingerprint).toEqual(fingerprint(text))
      expect(messageHead.make(bytes, bytes.length + 1)).toEqual(digest.summary)
    }),
  )
})

it('breaks on no octets', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(300), (bytes, wanted) => {
      messageHead.make(bytes, wanted)
      parseWholeDigest(wholeMessage.make(bytes, wanted))
    }),
  )
})

it('has nothing of a header that does not end in what is read of it', () => {
  expect(messageHead.make(fromUtf8('Subject: a\r\nTo: b'), 10)).toHaveLength(0)
})
