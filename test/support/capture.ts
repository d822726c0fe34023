import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** One layer, or one part of it, as tshark's JSON has it. */
export interface Dissected {
  readonly [name: string]: unknown
}

/** tshark, listening on loopback. */
export class Capture {
  readonly #process: ChildProcess
  /** What nobody listens to; a datagram to it marks a place in the capture. */
  readonly #mark: Socket
  readonly #markPort: number
  readonly #lines: string[] = []
  readonly #waits = new Set<() => void>()

  private constructor(process: ChildProcess, mark: Socket) {
    this.#process = process
    this.#mark = mark
    this.#markPort = mark.address().port
    createInterface({ input: process.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      this.#lines.push(line)
      for (const wait of [...this.#waits]) wait()
    })
  }

  /** Captures what goes to or from these ports into `file`; `dissectors` are `tcp.port==4556,tcpcl`. */
  static async start(
    file: string,
    ports: readonly number[],
    dissectors: readonly string[],
  ): Promise<Capture> {
    const mark = createSocket('udp4').bind(0, '127.0.0.1')
    await once(mark, 'listening')
    const filter = [...ports, mark.address().port].map((port) => `port ${port}`).join(' or ')
    const child = spawn('tshark', [
      ...['-i', 'lo', '-w', file, '-P', '-l', '-f', filter],
      ...dissectors.flatMap((rule) => ['-d', rule]),
    ])
    let said = ''
    await new Promise<void>((resolve, reject) => {
      child.stderr.on('data', (bytes) => {
        said += String(bytes)
        if (said.includes('Capture started')) resolve()
      })
      child.once('exit', () => reject(new Error(said)))
    })
    return new Capture(child, mark)
  }

  /** Of the datagrams that are only marks. */
  get markPort(): number {
    return this.#markPort
  }

  /** Resolves when the summary of a packet, past or to come, says this. */
  async until(summary: RegExp | string): Promise<void> {
    await new Promise<void>((resolve) => {
      const wait = (): void => {
        if (!this.#lines.some((line) => line.search(summary) >= 0)) return
        this.#waits.delete(wait)
        resolve()
      }
      this.#waits.add(wait)
      wait()
    })
  }

  /** Resolves when everything that was sent so far is in the file and tshark has ended. */
  async stop(): Promise<void> {
    const { port, address } = this.#mark.address()
    this.#mark.send('the end', port, address)
    await this.until(` ${port} → ${port} `)
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGINT')
    await ended
    this.#mark.close()
  }

  /** For a test that has failed: ends tshark, whatever it is doing. */
  dispose(): void {
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL')
  }
}

/** The packets of the file for which `filter` holds, each by its layers. */
export async function dissect(
  file: string,
  dissectors: readonly string[],
  filter: string,
): Promise<readonly Dissected[]> {
  const { stdout } = await run(
    'tshark',
    [
      ...['-r', file, '-2', '-Y', filter, '-T', 'json', '--no-duplicate-keys'],
      ...dissectors.flatMap((rule) => ['-d', rule]),
    ],
    { maxBuffer: 2 ** 30 },
  )
  const packets = JSON.parse(stdout) as { readonly _source: { readonly layers: Dissected } }[]
  return packets.map(({ _source }) => _source.layers)
}

/** What was sent to this TCP port, in order, in hex. */
export async function octetsTo(file: string, port: number): Promise<string> {
  const { stdout } = await run(
    'tshark',
    [
      ...['-r', file, '-T', 'fields', '-e', 'tcp.payload'],
      ...['-Y', `tcp.dstport == ${port} && tcp.len > 0 && !tcp.analysis.retransmission`],
    ],
    { maxBuffer: 2 ** 30 },
  )
  return stdout.replaceAll(/\s/g, '')
}

/** Writes a capture in which each of these, in hex, is the payload of a datagram to port 4556. */
export async function writeDatagrams(file: string, payloads: readonly string[]): Promise<void> {
  const dump = payloads.map((hex) => `0000 ${hex.replaceAll(/../g, '$& ')}`).join('\n')
  writeFileSync(`${file}.txt`, `${dump}\n`)
  await run('text2pcap', ['-q', '-u', '4556,4556', `${file}.txt`, file])
}

/** All values that this field has anywhere in `part`. */
export function valuesOf(part: unknown, field: string): readonly string[] {
  if (typeof part !== 'object' || part === null) return []
  return Object.entries(part).flatMap(([name, value]) => {
    if (name !== field) return valuesOf(value, field)
    return Array.isArray(value) ? value.map(String) : [String(value)]
  })
}

/** Whether a field of this name is anywhere in `part`. */
export function has(part: unknown, field: string): boolean {
  if (typeof part !== 'object' || part === null) return false
  return Object.entries(part).some(([name, value]) => name === field || has(value, field))
}
