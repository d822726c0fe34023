import type { ByteStream, SocketAddress } from '../ports/network.ts'

const HERE = { host: 'local', port: 0 }

/** Standard input and output as one stream, which cannot be secured. */
export class StdioStream implements ByteStream {
  readonly local: SocketAddress = HERE
  readonly remote: SocketAddress = HERE
  onBytes: ByteStream['onBytes'] = () => {}
  onSecured: ByteStream['onSecured'] = () => {}
  onDrained: ByteStream['onDrained'] = () => {}
  onEnd: ByteStream['onEnd'] = () => {}
  /** Nothing more comes; what did may be answered still. The owner closes. */
  onInputEnd: () => void = () => {}
  #isOver = false

  constructor() {
    const { stdin, stdout } = process
    stdin.on('data', (bytes: Buffer) => {
      if (!this.#isOver) this.onBytes(bytes)
    })
    stdin.once('end', () => this.onInputEnd())
    stdin.once('error', () => this.abort())
    stdout.on('drain', () => this.onDrained())
  }

  get unsentBytes(): number {
    return process.stdout.writableLength
  }

  send(bytes: Uint8Array): void {
    if (!this.#isOver) process.stdout.write(bytes)
  }

  secure(): never {
    throw new Error('standard input and output are not secured')
  }

  close(): void {
    this.abort()
  }

  abort(): void {
    if (this.#isOver) return
    this.#isOver = true
    process.stdin.destroy()
    // Never from inside a call of the owner.
    queueMicrotask(() => this.onEnd(undefined))
  }

  pause(): void {
    process.stdin.pause()
  }

  resume(): void {
    process.stdin.resume()
  }
}
