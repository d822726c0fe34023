/** Clients that cost little: they look for the end of each answer, and no further. */

import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'

/** Longest end of an answer: `TAG OK [CODE …] text`. A longer one is looked for in vain. */
const END_BYTES_MAX = 4096

class LineSocket {
  readonly #socket: Socket
  #held: Buffer[] = []
  #isEnd: (tail: string) => boolean = () => false
  #done: ((answer: Buffer) => void) | undefined
  #failed: ((error: Error) => void) | undefined

  constructor(port: number) {
    this.#socket = createConnection({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', (bytes) => {
      this.#held.push(bytes)
      this.#look()
    })
    this.#socket.on('error', (error) => this.#failed?.(error))
    this.#socket.on('close', () =>
      this.#failed?.(new Error('the server has closed the connection')),
    )
  }

  write(text: string): void {
    this.#socket.write(text, 'latin1')
  }

  /** All up to the first time that what has come ends as `isEnd` says of its last bytes. */
  until(isEnd: (tail: string) => boolean): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#isEnd = isEnd
      this.#done = resolve
      this.#failed = reject
      this.#look()
    })
  }

  async close(): Promise<void> {
    this.#failed = undefined
    this.#socket.destroy()
    if (!this.#socket.closed) await once(this.#socket, 'close')
  }

  #look(): void {
    if (this.#done === undefined || !this.#isEnd(this.#tail())) return
    const done = this.#done
    const answer = Buffer.concat(this.#held)
    this.#held = []
    this.#done = undefined
    done(answer)
  }

  #tail(): string {
    let tail = ''
    for (let i = this.#held.length - 1; i >= 0 && tail.length < END_BYTES_MAX; i--) {
      tail = (this.#held[i] as Buffer).subarray(-END_BYTES_MAX).toString('latin1') + tail
    }
    return tail
  }
}

const endsLine = (tail: string): boolean => tail.endsWith('\r\n')

export class ImapClient {
  readonly #socket: LineSocket
  #commands = 0

  private constructor(socket: LineSocket) {
    this.#socket = socket
  }

  /** Logged in, with INBOX selected. */
  static async select(port: number): Promise<ImapClient> {
    const client = await ImapClient.login(port)
    await client.command('SELECT INBOX')
    return client
  }

  static async login(port: number): Promise<ImapClient> {
    const client = new ImapClient(new LineSocket(port))
    await client.#socket.until(endsLine)
    await client.command('LOGIN user a-password')
    return client
  }

  /** Resolves with the whole answer; rejects where it is not OK. */
  async command(text: string): Promise<Buffer> {
    const tag = this.#send(text)
    return this.#answer(tag)
  }

  async append(message: string): Promise<void> {
    // Both servers take non-synchronising literals (RFC 7888).
    await this.command(`APPEND INBOX {${message.length}+}\r\n${message}`)
  }

  /** Resolves with what ends it, which is called to wait for the next push and gives it. */
  async idle(): Promise<() => Promise<string>> {
    this.#send('IDLE')
    await this.#socket.until((tail) => tail.includes('+ ') && endsLine(tail))
    return async () => (await this.#socket.until((tail) => /EXISTS/.test(tail))).toString('latin1')
  }

  close(): Promise<void> {
    return this.#socket.close()
  }

  #send(text: string): string {
    const tag = `bench${this.#commands++}`
    this.#socket.write(`${tag} ${text}\r\n`)
    return tag
  }

  async #answer(tag: string): Promise<Buffer> {
    const end = new RegExp(`(?:^|\\n)${tag} (OK|NO|BAD)[^\\n]*\\n$`)
    const answer = await this.#socket.until((tail) => end.test(tail))
    const [line, status] = end.exec(answer.subarray(-END_BYTES_MAX).toString('latin1')) ?? []
    if (status !== 'OK') throw new Error(`the server said ${line}`)
    return answer
  }
}

export class Pop3Client {
  readonly #socket: LineSocket

  private constructor(socket: LineSocket) {
    this.#socket = socket
  }

  static async login(port: number): Promise<Pop3Client> {
    const client = new Pop3Client(new LineSocket(port))
    await client.#socket.until(endsLine)
    for (const text of ['USER user', 'PASS a-password']) await client.#asked(text, endsLine)
    return client
  }

  lines(text: string): Promise<Buffer> {
    return this.#asked(text, (tail) => tail.endsWith('\r\n.\r\n') || /^-ERR.*\r\n$/.test(tail))
  }

  async quit(): Promise<void> {
    await this.#asked('QUIT', endsLine)
    await this.#socket.close()
  }

  async #asked(text: string, isEnd: (tail: string) => boolean): Promise<Buffer> {
    this.#socket.write(`${text}\r\n`)
    const answer = await this.#socket.until(isEnd)
    if (answer[0] !== 0x2b) throw new Error(`the server said ${answer.toString('latin1')}`)
    return answer
  }
}

export class LmtpClient {
  readonly #socket: LineSocket

  private constructor(socket: LineSocket) {
    this.#socket = socket
  }

  static async connect(port: number): Promise<LmtpClient> {
    const client = new LmtpClient(new LineSocket(port))
    await client.#socket.until(endsLine)
    await client.#asked('LHLO bench.example')
    return client
  }

  /** Resolves once the message is answered for; `sent` hears when its last byte has gone. */
  async deliver(recipient: string, message: string, sent: () => void): Promise<void> {
    for (const text of ['MAIL FROM:<bench@elsewhere.example>', `RCPT TO:<${recipient}>`, 'DATA']) {
      await this.#asked(text)
    }
    sent()
    await this.#asked(`${message.replaceAll('\r\n.', '\r\n..')}.`)
  }

  close(): Promise<void> {
    return this.#socket.close()
  }

  async #asked(text: string): Promise<void> {
    this.#socket.write(`${text}\r\n`)
    const answer = await this.#socket.until((tail) => /(?:^|\n)\d{3} [^\n]*\n$/.test(tail))
    if (!/^[23]/.test(answer.toString('latin1'))) throw new Error(`the server said ${answer}`)
  }
}
