/**
 * Two Postfix as Debian has them, one of which hands mail to `lightlag bpmailsend` by `pipe`, as a user who
 * is not the node's. At the far end the node takes it itself, or `bpmailrecv` gives it to `sendmail`.
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createTransport } from 'nodemailer'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ForeignServer } from '../support/foreign-mail.ts'
import { freePort } from '../support/free-port.ts'
import { startMta, taken, USERS } from '../support/postfix-pair.ts'
import { needs, needsFolderOpenToAll, needsRoot } from '../support/programs.ts'
import { ServedPair } from '../support/served.ts'

const without = needs('postfix') ?? needsRoot() ?? needsFolderOpenToAll()
const LIGHTLAG = resolve('dist/cmd/lightlag.js')

const DTPC = `
dtpc:
  socket: SOCKET
  profiles: [{id: 21, retransmissions: 5, aggregationSize: 100B, aggregationTime: 1s, lifetime: 1h}]
`

let pair: ServedPair
let one: ForeignServer
let two: ForeignServer
const sockets: string[] = []

describe.skipIf(without)('Postfix and the commands of bpmail', () => {
  beforeAll(async () => {
    const [first, second] = [await freePort(), await freePort()]
    pair = await ServedPair.make((text) => {
      const isFirst = text.includes('node: ipn:2\n')
      const rest = text
        .replace(/^transport:\n( .*\n?)+/m, '')
        .replace('oneWayDelay: 500ms', 'oneWayDelay: 1ms')
        .concat(DTPC.replace('SOCKET', socketOf(isFirst ? 'near' : 'far')))
      if (isFirst) return rest
      return `${rest}
domains: [gateway-2.a.com]
relay: {domains: [mail-2.a.com]}
bpmail: [{to: ipn:2.129, profile: 21, sendTopic: 2, receiveTopic: 1}]
transport:
  mail-2.a.com: smtp:[127.0.0.1]:${second}
`
    })
    chmodSync(pair.directory, 0o755)
    await pair.start()
    const [near = ''] = sockets
    const pipe = (name: string, topic: number): string =>
      `${name} unix - n n - - pipe flags=R user=mail argv=${process.execPath} ${LIGHTLAG} bpmailsend --node ${near} -t ${topic} 21 \${nexthop}`
    one = await startMta({
      ...{ domain: 'mail-1.a.com', port: first },
      transport: { 'mail-2.a.com': 'bp:ipn:3.129', 'list.mail-2.a.com': 'bplist:ipn:3.129' },
      services: [pipe('bp', 1), pipe('bplist', 5)],
    })
    two = await startMta({
      ...{ domain: 'mail-2.a.com', port: second },
      transport: { 'mail-1.a.com': `smtp:[127.0.0.1]:${first}` },
    })
  })

  afterAll(async () => {
    await one.stop()
    await two.stop()
    await pair.dispose()
    for (const socket of sockets) rmSync(dirname(socket), { recursive: true })
  })

  test('twenty mails arrive once each, taken by the far node itself', async () => {
    const subjects = Array.from({ length: 20 }, (_, i) => `piped ${i}`)
    for (const subject of subjects) await send('mail@mail-2.a.com', subject)
    const mails = await taken(two, 'mail', subjects.length)
    const came = mails.map((mail) => /^Subject: (.*)$/m.exec(mail)?.[1])
    expect(came.sort()).toEqual(subjects.sort())
    for (const user of USERS) expect(await two.mailbox(user, 0)).toEqual([])
  })

  test('bpmailrecv, of another user than the node, gives one to the sendmail of the far Postfix', async () => {
    await send('news@list.mail-2.a.com', 'received')
    const [, far = ''] = sockets
    const args = [LIGHTLAG, 'bpmailrecv', '--node', far, '--no-verify-ipn', '-t', '5']
    const mail = execFileSync(process.execPath, args, { uid: 8, gid: 8, encoding: 'utf8' })
    expect(mail).toMatch(/^Subject: received$/m)
    const config = join(two.directory, 'etc')
    const rewritten = mail.replace(/^To: .*$/m, 'To: <news@mail-2.a.com>')
    execFileSync('/usr/sbin/sendmail', ['-C', config, '-t'], { input: rewritten })
    const [delivered = ''] = await taken(two, 'news', 1)
    expect(delivered).toMatch(/^Subject: received$/m)
  })
})

async function send(to: string, subject: string): Promise<void> {
  const client = createTransport({ host: '127.0.0.1', port: one.port, ignoreTLS: true })
  await client.sendMail({ from: 'mail@mail-1.a.com', to, subject, text: 'Hello' })
  client.close()
}

/** In a directory for the group of `mail` alone. */
function socketOf(name: string): string {
  const directory = `/tmp/lightlag-items-${process.pid}-${name}`
  mkdirSync(directory, { recursive: true })
  chownSync(directory, 0, 8)
  chmodSync(directory, 0o750)
  const socket = join(directory, 'items.sock')
  sockets.push(socket)
  return socket
}
