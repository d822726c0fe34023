/** A mailbox that is deleted, or whose index is lost, while a session has it open. */

import { expect, it } from 'vitest'
import { ImapStage, type Terminal } from '../support/imap-stage.ts'

async function selected(): Promise<{ one: Terminal; remove: () => Promise<void> }> {
  const stage = new ImapStage()
  await stage.start()
  const [one, other] = [await stage.connect(), await stage.connect()]
  await one.say('l LOGIN ada secret', 'm CREATE Work')
  await other.say('l LOGIN ada secret')
  await stage.deliver('Work', 'Subject: a\r\n\r\n')
  await one.say('s SELECT Work')
  const remove = async (): Promise<void> => {
    expect(await other.say('d DELETE Work')).toContain('d OK')
  }
  return { one, remove }
}

it.each([
  'NOOP',
  'FETCH 1 (FLAGS)',
  'STORE 1 +FLAGS (\\Seen)',
  'COPY 1 INBOX',
  'UID MOVE 1 INBOX',
  'UID SEARCH ALL',
  'EXPUNGE',
])('cuts the session with the answer to %s', async (command) => {
  const { one, remove } = await selected()
  await remove()
  expect(await one.say(`c ${command}`)).toMatch(/^c (NO|OK \[EXPUNGEISSUED\]).*\r\n\* BYE .*\r\n$/m)
  expect(one.isEnded).toBe(true)
})

it('cuts a session in IDLE at once', async () => {
  const { one, remove } = await selected()
  await one.say('i IDLE')
  await remove()
  expect(one.heard()).toMatch(/^i NO /)
  expect(one.isEnded).toBe(true)
})
