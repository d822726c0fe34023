import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { describeHttps } from '../../test/conformance/https.ts'
import { issueCertificate, makeAuthority } from './certificates.ts'
import { hostHttps } from './https.ts'

const now = Date.now()
const validity = { fromMs: now - 86_400_000, untilMs: now + 86_400_000 }
const authority = makeAuthority('Lightlag test', validity)
const identity = issueCertificate(authority, { dns: [], ip: ['127.0.0.1'], nodeIds: [] }, validity)
const LIMITS = { bytesMax: 1000, timeoutMs: 10_000 }

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close()
    server.closeAllConnections()
  }
})

function serving(listener: RequestListener): Promise<string> {
  const server = createServer({ cert: identity.certificate, key: identity.key }, listener)
  servers.push(server)
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`https://127.0.0.1:${(server.address() as AddressInfo).port}/policy.txt`)
    })
  })
}

describeHttps('Node', async () => ({
  run: (action) => action(),
  close: async () => {},
  https: hostHttps(authority.certificate),
  publish: (text) =>
    serving((_, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
      response.end(text)
    }),
  absent: await serving((_, response) => response.writeHead(404).end()),
}))

test.each([
  ['sends elsewhere', 302, { location: 'https://example.com/' }, /answered 302/],
  ['has a page of another kind', 200, { 'content-type': 'text/html' }, /of type text\/html/],
] as const)('a server that %s has no text', async (_, status, headers, reason) => {
  const url = await serving((_request, response) => response.writeHead(status, headers).end('x'))
  await expect(hostHttps(authority.certificate).getText(url, LIMITS)).rejects.toThrow(reason)
})

test('a server that nobody vouches for is not believed', async () => {
  const url = await serving((_, response) => response.end('x'))
  await expect(hostHttps().getText(url, LIMITS)).rejects.toMatchObject({ code: 'https/failed' })
})

test('a server that does not come to an end is given up', async () => {
  const url = await serving((_, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write('and so on')
  })
  const https = hostHttps(authority.certificate)
  await expect(https.getText(url, { ...LIMITS, timeoutMs: 100 })).rejects.toThrow(/100 ms/)
})

test('what is no URL is asked of nobody', async () => {
  await expect(hostHttps().getText('https://a b/', LIMITS)).rejects.toThrow(/no URL/)
})
