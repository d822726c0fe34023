import { expect, test } from 'vitest'
import { MAIL_LOG_CHARACTERS_MAX } from './limits.ts'
import { MailLog } from './mail-log.ts'

test('beyond its bound it forgets the older half', () => {
  const log = new MailLog()
  const line = 'x'.repeat(MAIL_LOG_CHARACTERS_MAX / 4)
  log.add(['first', line, line, line])
  expect(log.lines).toHaveLength(4)
  log.add([line, 'last'])
  expect(log.lines).toEqual([line, line, 'last'])
  log.add([line])
  expect(log.lines).toHaveLength(4)
  log.clear()
  expect(log.lines).toEqual([])
})
