/**
 * Ports of this machine behind which the hosts of a lab are: a mail program that connects to one becomes
 * a connection in the lab, from its client host to the service, with whatever the link between does to it.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { plainBytes } from '../host/bytes.ts'
import { encoded, type LabInput, type LabOutput } from '../lab/desk.ts'
import type { Lab } from '../lab/lab.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { machineOf, servicesOf } from './lab-service.ts'

/** One service of one host. */
export interface PublishedPort {
  readonly host: string
  readonly service: string
  readonly port: number
  /** Of this machine; 0 for any that is free. */
  readonly localPort: number
}

export interface LabPortsOptions {
  readonly lab: Lab
  readonly ports: readonly PublishedPort[]
  /** The host from which connections are made. Default: the one that they go to. */
  readonly client: string | undefined
  readonly post: (input: LabInput) => void
}

const LOOPBACK = '127.0.0.1'
/** More at once are refused: each holds buffers on both sides. */
const CONNECTIONS_MAX = 256
/** Not yet taken by the network of the lab, or by the program outside: then the other side waits. */
const UNSENT_BYTES_MAX = 262_144

interface Connection {
  readonly socket: Socket
  isReadingPaused: boolean
  isLabPaused: boolean
  /** Read from the program, and on its way into the lab. */
  postedBytes: number
}

export class LabPorts {
  readonly #options: LabPortsOptions
  readonly #servers: Server[] = []
  readonly #published = new Map<string, Map<number, string>>()
  readonly #connections = new Map<number, Connection>()
  #count = 0

  constructor(options: LabPortsOptions) {
    this.#options = options
  }

  /** Opens them all. Rejects with a Failure where one cannot be. */
  async open(): Promise<void> {
    for (const port of this.#options.ports) await this.#listen(port)
  }

  /** Addresses of this machine by port, of one host. */
  published(host: string): ReadonlyMap<number, string> {
    return this.#published.get(host) ?? new Map()
  }

  close(): void {
    for (const server of this.#servers) server.close()
    for (const { socket } of this.#connections.values()) socket.resetAndDestroy()
  }

  /** What the lab tells of connections. */
  hear(output: LabOutput & { readonly connection: number }): void {
    const connection = this.#connections.get(output.connection)
    if (connection === undefined) return
    const { socket } = connection
    switch (output.type) {
      case 'connected':
      case 'drained':
        this.#readOn(connection)
        break
      case 'received':
        if (!socket.write(output.bytes) && socket.writableLength > UNSENT_BYTES_MAX) {
          this.#pauseLab(output.connection, connection)
        }
        break
      case 'closed':
        this.#connections.delete(output.connection)
        if (output.fault === undefined) socket.end()
        else socket.resetAndDestroy()
    }
  }

  async #listen({ host, port, localPort, service }: PublishedPort): Promise<void> {
    const machine = this.#options.lab.host(host)
    const to = { host: machine.options.address, port }
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
    server.maxConnections = CONNECTIONS_MAX
    server.on('connection', (socket) => this.#connect(socket, host, to))
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        const at = `${LOOPBACK}:${localPort}`
        const message = `cannot publish ${service} of ${host} at ${at}: ${reasonOf(error)}`
        reject(new Failure(EXIT.failed, message))
      })
      server.listen({ host: LOOPBACK, port: localPort }, resolve)
    })
    this.#servers.push(server)
    const bound = server.address()
    const number = typeof bound === 'object' ? bound?.port : undefined
    const ofHost = this.#published.get(host) ?? new Map<number, string>()
    this.#published.set(host, ofHost.set(port, `${LOOPBACK}:${number}`))
  }

  #connect(
    socket: Socket,
    host: string,
    to: { readonly host: string; readonly port: number },
  ): void {
    const { post, client } = this.#options
    const number = this.#count++
    const connection: Connection = {
      socket,
      isReadingPaused: true,
      isLabPaused: false,
      postedBytes: 0,
    }
    this.#connections.set(number, connection)
    post({ type: 'connect', connection: number, from: client ?? host, to })
    socket.on('data', (bytes: Buffer) => {
      post({ type: 'send', connection: number, bytes: encoded(plainBytes(bytes)) })
      connection.postedBytes += bytes.length
      if (connection.postedBytes > UNSENT_BYTES_MAX) {
        connection.isReadingPaused = true
        socket.pause()
      }
    })
    socket.on('end', () => post({ type: 'end', connection: number }))
    socket.on('drain', () => {
      if (!connection.isLabPaused) return
      connection.isLabPaused = false
      post({ type: 'resume', connection: number })
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      if (this.#connections.delete(number)) post({ type: 'abort', connection: number })
    })
  }

  #readOn(connection: Connection): void {
    connection.postedBytes = 0
    if (!connection.isReadingPaused) return
    connection.isReadingPaused = false
    connection.socket.resume()
  }

  #pauseLab(number: number, connection: Connection): void {
    if (connection.isLabPaused) return
    connection.isLabPaused = true
    this.#options.post({ type: 'pause', connection: number })
  }
}

/** What `--publish` says: `free`, `none`, a number to be added, or `mail-1.a.com:587=2587` for each. */
export type PublishWish =
  | { readonly type: 'none' | 'free' }
  /** The first host's port 25 at 25 more than this, the second's at 1025 more, and so on. */
  | { readonly type: 'offset'; readonly offset: number }
  | { readonly type: 'fixed'; readonly ports: readonly FixedPort[] }

export interface FixedPort {
  readonly host: string
  readonly port: number
  readonly localPort: number
}

const HOST_STEP = 1000

/** A Failure where a host or a service that is named is not there. */
export function publishedPorts(lab: Lab, wish: PublishWish): readonly PublishedPort[] {
  if (wish.type === 'none') return []
  const all = lab.hosts.flatMap(({ options }, index) =>
    servicesOf(options, new Map()).map(({ service, port }) => {
      const localPort = wish.type === 'offset' ? wish.offset + index * HOST_STEP + port : 0
      return { host: options.host, service, port, localPort }
    }),
  )
  if (wish.type !== 'fixed') {
    const tooHigh = all.find(({ localPort }) => localPort > 65_535)
    if (tooHigh === undefined) return all
    const message = `--publish: port ${tooHigh.localPort} for ${tooHigh.host}: at most 65535 would be right`
    throw new Failure(EXIT.usage, message)
  }
  return wish.ports.map(({ host, port, localPort }) => {
    const found = all.find(
      (one) => (one.host === host || one.host.startsWith(`${host}.`)) && one.port === port,
    )
    if (found !== undefined) return { ...found, localPort }
    const known = all.map((one) => `${one.host}:${one.port}`).join(', ')
    const message = `--publish ${host}:${port}=${localPort}: one of ${known} would be right`
    throw new Failure(EXIT.usage, message)
  })
}

/** Those from which people look at their mail: hosts without services of their own. */
export function clientHost(lab: Lab, wanted: string | undefined): string | undefined {
  if (wanted !== undefined) {
    const machine = machineOf(lab, wanted)
    if (typeof machine === 'string') throw new Failure(EXIT.usage, `--client: ${machine}`)
    return machine.options.host
  }
  return lab.hosts.find(({ options }) => servicesOf(options, new Map()).length === 0)?.options.host
}
