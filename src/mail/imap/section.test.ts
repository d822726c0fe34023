import { expect, test } from 'vitest'
import { fromLatin1 } from '../../base/bytes.ts'
import { PART_DEPTH_MAX } from '../../proto/message/limits.ts'
import { StructureReader } from '../../proto/message/structure.ts'
import { extentOf, findPart } from './section.ts'

function structureOf(text: string): ReturnType<StructureReader['end']>['part'] {
  const reader = new StructureReader()
  reader.push(fromLatin1(text))
  return reader.end().part
}

const MULTIPART = 'Content-Type: multipart/mixed; boundary=b\r\n\r\n'

test('parts are numbered, those of a message within a message as its own (RFC 9051 §6.4.5.1)', () => {
  const text = 'Subject: text\r\n\r\none'
  const inner = `${MULTIPART}--b\r\n\r\ntwo\r\n--b--\r\n`
  const several = structureOf(
    `${MULTIPART.replace('=b', '=a')}--a\r\n\r\nzero\r\n--a\r\nContent-Type: message/rfc822\r\n\r\n${text}\r\n--a\r\n` +
      `Content-Type: message/rfc822\r\n\r\n${inner}--a--\r\n`,
  )
  const [zero, one, two] = several.parts ?? []
  expect(findPart(several, [])).toBe(several)
  expect(findPart(several, [1])).toBe(zero)
  expect(findPart(several, [2, 1])).toBe(one?.message?.part)
  expect(findPart(several, [3, 1])).toBe(two?.message?.part.parts?.[0])
  for (const path of [[4], [1, 1], [2, 2], [2, 1, 1], [3, 2], [3, 1, 1]]) {
    expect(findPart(several, path)).toBeUndefined()
  }
  const alone = structureOf(text)
  expect(findPart(alone, [1])).toBe(alone)
  expect(findPart(alone, [2])).toBeUndefined()
  expect(findPart(alone, [1, 1])).toBeUndefined()
})

test('a part as deep as a message can have is found at once', () => {
  const root = structureOf('Content-Type: message/rfc822\r\n\r\n'.repeat(PART_DEPTH_MAX + 1))
  const path = Array.from({ length: PART_DEPTH_MAX }, () => 1)
  expect(findPart(root, path)?.message).toBeUndefined()
  expect(extentOf(root, { part: path.slice(1), text: { type: 'whole' } })).toBeDefined()
  expect(findPart(root, [...path, 1])).toBeUndefined()
})
