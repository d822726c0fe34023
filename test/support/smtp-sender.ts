import { once } from 'node:events'
import { createConnection, type Socket } from 'node:net'

/** One connection that gives mail after mail, one command at a time, and tells of every reply. */
export class SmtpSender {
  readonly #socket: Socket
  readonly #onReply: () => void
  #unread = ''
  readonly #replies: string[] = []
  #wake = (): void => {}
  #isOver = false

  private constructor(socket: Socket, onReply: () => void) {
    this.#socket = socket
    this.#onReply = onReply
    socket.on('data', (bytes) => this.#read(bytes.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#isOver = true
      this.#wake()
    })
  }

  /** Rejects where nobody answers. */
  static async open(port: number, onReply: () => void): Promise<SmtpSender> {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true })
    const sender = new SmtpSender(socket, onReply)
    await once(socket, 'connect')
    await sender.#expect(220)
    await sender.#say('EHLO client.a.com', 250)
    return sender
  }

  /** Resolves once it is answered 250; rejects where it is not. */
  async send(to: string, body: string): Promise<void> {
    await this.#say('MAIL FROM:<sender@client.a.com>', 250)
    await this.#say(`RCPT TO:<${to}>`, 250)
    await this.#say('DATA', 354)
    await this.#say(`Subject: ${body}\r\n\r\n${body}\r\n.`, 250)
  }

  close(): void {
    this.#socket.destroy()
  }

  async #say(text: string, code: number): Promise<void> {
    this.#socket.write(`${text}\r\n`)
    await this.#expect(code)
  }

  async #expect(code: number): Promise<void> {
    while (this.#replies.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    const reply = this.#replies.shift()
    if (!reply?.startsWith(String(code))) throw new Error(reply ?? 'the connection is gone')
  }

  #read(text: string): void {
    this.#unread += text
    for (let end = this.#unread.indexOf('\r\n'); end >= 0; end = this.#unread.indexOf('\r\n')) {
      const line = this.#unread.slice(0, end)
      this.#unread = this.#unread.slice(end + 2)
      if (line[3] === '-') continue
      this.#replies.push(line)
      this.#onReply()
    }
    this.#wake()
  }
}
