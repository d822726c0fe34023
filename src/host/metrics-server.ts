/** `GET /metrics` for Prometheus. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Fault } from '../base/fault.ts'
import type { NetworkFaultCode, SocketAddress } from '../ports/network.ts'
import { networkFault } from './network-fault.ts'

const TYPE = 'text/plain; version=0.0.4; charset=utf-8'

function fault(error: unknown): Fault<NetworkFaultCode> {
  const { code, message, temporary } = networkFault(error, 'network/address-unavailable')
  return new Fault(code, `metrics: ${message}`, { temporary })
}

/** Two scrapers, and a person with curl. */
const CONNECTIONS_MAX = 10
const PATIENCE_MS = 10_000

export interface MetricsServer {
  readonly address: SocketAddress
  stop(): Promise<void>
}

/** Rejects with a Fault of the network where it cannot listen there. */
export function serveMetrics(listen: SocketAddress, text: () => string): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') response.writeHead(404).end('there is /metrics only\n')
    else if (request.method === 'GET' || request.method === 'HEAD') {
      response.writeHead(200, { 'content-type': TYPE }).end(text())
    } else response.writeHead(405, { allow: 'GET, HEAD' }).end()
  })
  server.maxConnections = CONNECTIONS_MAX
  server.requestTimeout = PATIENCE_MS
  server.headersTimeout = PATIENCE_MS
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(fault(error)))
    server.listen(listen.port, listen.host, () => {
      const { address, port } = server.address() as AddressInfo
      resolve({ address: { host: address, port }, stop })
    })
  })
}
