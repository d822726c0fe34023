/** A mail host as a real process, whose mail goes to another server and to a program. */

import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { type ForeignServer, MAIL, startDovecot } from '../support/foreign-mail.ts'
import { mailOf } from '../support/lab.ts'
import { needs, needsRoot } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

let pair: ServedPair | undefined
let dovecot: ForeignServer | undefined

afterEach(async () => {
  await pair?.dispose()
  await dovecot?.stop()
})

test.skipIf(needs('dovecot') ?? needsRoot())(
  'mail goes by LMTP and by pipe:, and the log says so in the words of Postfix',
  async () => {
    const server = await startDovecot()
    dovecot = server
    const lda = `/usr/lib/dovecot/dovecot-lda -c ${join(server.directory, 'dovecot.conf')} -d $user`
    const routes = [
      `lmtp.example: "lmtp:127.0.0.1:${server.port}"`,
      `pipe.example: "pipe:${lda} -f $sender"`,
    ]
    pair = await ServedPair.make((text) =>
      text
        .replace(/^transport:.*\n( +.*\n)*/m, '')
        .concat(`transport: { ${routes.join(', ')} }\npipe: { user: ${MAIL.name} }\n`),
    )
    const [host] = pair.hosts
    await host.start()
    for (const domain of ['lmtp.example', 'pipe.example']) {
      const sent = host.until((line) => / to=<user@.*status=/.test(line))
      expect(await host.submit(mailOf(domain), domain)).toBe(true)
      expect(await sent).toMatch(/ relay=.* dsn=2\.0\.0, status=sent \(/)
    }
    const mails = await server.mailbox('user', 2)
    for (const domain of ['lmtp.example', 'pipe.example']) {
      expect(mails.join('')).toContain(`\n\n${domain}\n`)
    }
    expect(await host.stop()).toBe(0)
  },
)
