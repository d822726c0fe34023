/** Messages of which the disk gives nothing. */

import { expect, it } from 'vitest'
import { ImapStage } from '../support/imap-stage.ts'

it.each(['ENVELOPE', 'BODYSTRUCTURE', 'BODY.PEEK[]'])(
  'has the %s of all others, and says NO',
  async (item) => {
    const stage = new ImapStage()
    await stage.start()
    await stage.deliver('INBOX', 'Subject: a\r\n\r\n')
    await stage.perform(stage.disk.makeDirectory('/home/ada/Maildir/cur/5.x,S=9,W=9'))
    await stage.wait(5000)
    await stage.deliver('INBOX', 'Subject: b\r\n\r\n')
    const one = await stage.connect()
    expect(await one.say('l LOGIN ada secret', 's SELECT INBOX')).toContain('* 3 EXISTS')
    const said = await one.say(`f FETCH 1:3 (UID ${item})`)
    expect(said).toMatch(/^\* 1 FETCH .*\* 3 FETCH .*^f NO /ms)
    expect(said).not.toMatch(/^\* 2 /m)
    expect(stage.events.map(({ type }) => type)).toContain('trouble')
    expect(await one.say('g SORT (SUBJECT) UTF-8 ALL')).toMatch(/^g NO /)
  },
)
