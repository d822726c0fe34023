/** A small IMAP client for other programs' servers: one command at a time. */

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface FetchedMessage {
  readonly uid: number
  readonly flags: readonly string[]
  readonly text: string
}

export class ImapClient {
  readonly #socket: Socket
  #received = ''
  #tag = 0
  #heard = (): void => {}

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.#received += text
      this.#heard()
    })
    socket.on('close', () => this.#heard())
  }

  static async login(port: number, user: string, password: string): Promise<ImapClient> {
    const socket = connect(port, '127.0.0.1')
    const client = new ImapClient(socket)
    await once(socket, 'connect')
    await client.#until(/^\* OK .*\r\n/)
    await client.command(`LOGIN ${user} ${password}`)
    return client
  }

  /** All that came for it; rejects where it was not OK. */
  async command(text: string, literal?: string): Promise<string> {
    const tag = `a${++this.#tag}`
    const size = literal === undefined ? '' : ` {${literal.length}}`
    this.#socket.write(`${tag} ${text}${size}\r\n`, 'latin1')
    if (literal !== undefined) {
      await this.#until(/(?:^|\n)\+ .*\r\n/)
      this.#socket.write(`${literal}\r\n`, 'latin1')
    }
    const answer = await this.#until(new RegExp(`(?:^|\\n)${tag} .*\\r\\n`))
    if (!answer.includes(`${tag} OK`)) throw new Error(`${text}: ${answer}`)
    return answer
  }

  async fetchAll(): Promise<readonly FetchedMessage[]> {
    const answer = await this.command('UID FETCH 1:* (FLAGS BODY.PEEK[])')
    const messages: FetchedMessage[] = []
    const pattern = /\* \d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) BODY\[\] \{(\d+)\}\r\n/g
    for (let found = pattern.exec(answer); found !== null; found = pattern.exec(answer)) {
      const [, uid, flags = '', size] = found
      const text = answer.slice(pattern.lastIndex, pattern.lastIndex + Number(size))
      pattern.lastIndex += Number(size)
      messages.push({ uid: Number(uid), flags: flags.split(' ').filter(Boolean), text })
    }
    return messages
  }

  async logout(): Promise<void> {
    await this.command('LOGOUT')
    this.#socket.destroy()
  }

  async #until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.#received)) {
      if (this.#socket.closed) throw new Error(`closed: ${this.#received}`)
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
    const received = this.#received
    this.#received = ''
    return received
  }
}
