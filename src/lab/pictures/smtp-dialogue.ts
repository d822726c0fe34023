/** SMTP and LMTP sessions, message by message. RFC 5321, RFC 3207, RFC 4954. */

import { toLatin1 } from '../../base/bytes.ts'
import { decodeWords } from '../../proto/message/encoded-word.ts'
import { HeaderReader } from '../../proto/message/header.ts'
import { counted, type Dialogue, firstLine, type Side, type Spoken, shownLines } from './spoken.ts'

export class SmtpDialogue implements Dialogue {
  readonly protocol = 'SMTP'
  /** Verbs that wait for their replies. */
  readonly #asked: string[] = []
  /** What comes next from the client is no command. */
  #content: 'none' | 'message' | 'secret' | number = 'none'
  #isSecured = false
  /** So much of the message is known not to be its end. */
  #searched = 0

  cut(side: Side, bytes: Uint8Array): Spoken | undefined {
    return side === 'server' ? this.#reply(bytes) : this.#clientSays(bytes)
  }

  secured(): void {
    this.#isSecured = true
    this.#asked.length = 0
  }

  #clientSays(bytes: Uint8Array): Spoken | undefined {
    if (this.#content === 'message') return this.#message(bytes)
    if (typeof this.#content === 'number') return this.#chunk(bytes, this.#content)
    const line = firstLine(bytes)
    if (line === undefined) return undefined
    if (this.#content === 'secret') {
      this.#content = 'none'
      return this.#spoken(line.end, '****')
    }
    return this.#command(line)
  }

  #command({ text, end }: { readonly text: string; readonly end: number }): Spoken {
    const verb = (/^[A-Za-z]+/.exec(text)?.[0] ?? '').toUpperCase()
    this.#asked.push(verb)
    const chunk = /^BDAT +(\d{1,15})/i.exec(text)?.[1]
    if (chunk !== undefined && Number(chunk) > 0) this.#content = Number(chunk)
    const phase = this.#phaseOf(verb)
    return { ...this.#spoken(end, withoutSecret(text)), phase }
  }

  #phaseOf(verb: string): string | undefined {
    switch (verb) {
      case 'STARTTLS':
        return 'STARTTLS: encryption is asked for'
      case 'AUTH':
        return this.#told('the user logs in')
      case 'MAIL':
        return this.#told('mail transaction')
      case 'DATA':
      case 'BDAT':
        return this.#told('mail data')
      case 'QUIT':
        return this.#told('end of the session')
      default:
        return undefined
    }
  }

  #told(phase: string): string {
    return this.#isSecured ? `${phase} (encrypted)` : phase
  }

  #reply(bytes: Uint8Array): Spoken | undefined {
    const lines: string[] = []
    for (let at = 0; ; ) {
      const line = firstLine(bytes, at)
      if (line === undefined) return undefined
      lines.push(line.text)
      at = line.end
      if (/^\d{3}-/.test(line.text)) continue
      return this.#answered(at, lines, line.text)
    }
  }

  #answered(length: number, lines: readonly string[], last: string): Spoken {
    const isGreeting = this.#asked.length === 0 && last.startsWith('2') && !this.#isSecured
    const verb = this.#asked[0]
    const code = Number(last.slice(0, 3))
    if (code === 354) this.#content = 'message'
    else if (code === 334) this.#content = 'secret'
    else this.#asked.shift()
    return {
      ...this.#spoken(length, shownLines(lines)),
      phase: isGreeting ? 'SMTP greeting and capabilities' : undefined,
      remark: this.#remarkOn(verb, code, lines),
    }
  }

  #remarkOn(verb: string | undefined, code: number, lines: readonly string[]): string | undefined {
    if (code >= 400) return undefined
    switch (verb) {
      case 'EHLO':
        return lines.some((line) => /^250.STARTTLS$/i.test(line))
          ? 'the server offers STARTTLS'
          : undefined
      case 'STARTTLS':
        return 'the server agrees to TLS'
      case 'AUTH':
        return code === 235 ? 'the user is known' : undefined
      case 'RCPT':
        return this.#asked.includes('RCPT') ? undefined : 'sender and recipients are accepted'
      case 'DATA':
      case 'BDAT':
        return code === 250 ? 'the server has taken the mail over' : undefined
      case 'QUIT':
        return 'the session ends in order'
      default:
        return undefined
    }
  }

  /** Up to the line of a single dot. RFC 5321 §4.1.1.4. */
  #message(bytes: Uint8Array): Spoken | undefined {
    const end = endOfMessage(bytes, this.#searched)
    this.#searched = end === undefined ? Math.max(0, bytes.length - 4) : 0
    if (end === undefined) return undefined
    this.#content = 'none'
    return this.#mail(bytes.subarray(0, end), '\n.')
  }

  #chunk(bytes: Uint8Array, size: number): Spoken | undefined {
    if (bytes.length < size) return undefined
    this.#content = 'none'
    return this.#mail(bytes.subarray(0, size), '')
  }

  #mail(bytes: Uint8Array, behind: string): Spoken {
    const { text, messageId } = mailText(bytes)
    const mails = messageId === undefined ? undefined : [messageId]
    return { ...this.#spoken(bytes.length, `${text}${behind}`), mails }
  }

  #spoken(length: number, text: string): Spoken {
    return { length, protocol: this.protocol, text }
  }
}

/** A message by its subject and its size, and by the name that it gives itself. */
export function mailText(message: Uint8Array): {
  readonly text: string
  readonly messageId: string | undefined
} {
  const header = new HeaderReader()
  header.push(message)
  const fieldOf = (name: string): string | undefined =>
    header.fields.find((field) => field.name === name)?.value.trim()
  const lines = toLatin1(message).split('\n').length - 1
  const subject = fieldOf('subject')
  const size = `… ${counted(lines, 'line')}, ${message.length} B …`
  return {
    text: subject === undefined ? size : `Subject: ${decodeWords(subject).slice(0, 80)}\n${size}`,
    messageId: fieldOf('message-id'),
  }
}

/** A command that carries a password, up to it. RFC 4954 §4. */
function withoutSecret(line: string): string {
  return line.replace(/^(AUTH +[A-Z0-9-]+) .*/i, '$1 ****')
}

/** The octet behind CRLF.CRLF, or behind .CRLF at the beginning. */
function endOfMessage(bytes: Uint8Array, from: number): number | undefined {
  for (let at = bytes.indexOf(0x2e, from); at >= 0; at = bytes.indexOf(0x2e, at + 1)) {
    const beginsLine = at === 0 || (bytes[at - 2] === 0x0d && bytes[at - 1] === 0x0a)
    if (beginsLine && bytes[at + 1] === 0x0d && bytes[at + 2] === 0x0a) return at + 3
  }
  return undefined
}
