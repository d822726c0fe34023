/** SCRAM with the keys that a real host keeps, over real TLS: the client's side by Node's own functions. */

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { connect } from 'node:tls'
import { afterEach, expect, test } from 'vitest'
import { freePort } from '../support/free-port.ts'
import { ServedPair } from '../support/served.ts'

let pair: ServedPair | undefined

afterEach(() => pair?.dispose())

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

test('a password is proven by SCRAM-SHA-256-PLUS, bound to the connection (RFC 9266)', async () => {
  const port = await freePort()
  pair = await ServedPair.make((text) =>
    text.includes('host: mail-1.') ? `${text}submissions: {listen: "127.0.0.1:${port}"}\n` : text,
  )
  await pair.hosts[0].start()
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  const say = async (line: string): Promise<string> => {
    if (line !== '(greeting)') socket.write(`${line}\r\n`)
    for (;;) {
      const { value } = await lines.next()
      if (!/^\d\d\d-/.test(value)) return value
    }
  }
  await say('(greeting)')
  await say('EHLO client.a.com')
  const binding = socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
  const header = 'p=tls-exporter,,'
  const bare = 'n=user,r=client'
  const base64 = (bytes: Buffer | string): string => Buffer.from(bytes).toString('base64')
  const challenge = await say(`AUTH SCRAM-SHA-256-PLUS ${base64(header + bare)}`)
  const server = Buffer.from(challenge.slice(4), 'base64').toString()
  const [, nonce = '', salt = '', iterations] = /^r=(.*),s=(.*),i=(\d+)$/.exec(server) ?? []
  expect(nonce).toMatch(/^client./)
  const salted = pbkdf2Sync('123456', Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256')
  const key = hmac(salted, 'Client Key')
  const final = `c=${base64(Buffer.concat([Buffer.from(header), binding]))},r=${nonce}`
  const signed = `${bare},${server},${final}`
  const signature = hmac(createHash('sha256').update(key).digest(), signed)
  const proof = Buffer.from(key.map((byte, i) => byte ^ (signature[i] as number)))
  const answer = await say(base64(`${final},p=${base64(proof)}`))
  const expected = `v=${base64(hmac(hmac(salted, 'Server Key'), signed))}`
  expect(answer).toBe(`334 ${base64(expected)}`)
  expect(await say('')).toBe('235 2.7.0 Authentication successful')
  socket.destroy()
})
