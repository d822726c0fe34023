/** POP3 (RFC 1939) and IMAP (RFC 9051) sessions, message by message. */

import { mailText } from './smtp-dialogue.ts'
import { counted, type Dialogue, firstLine, type Side, type Spoken } from './spoken.ts'

/** Commands whose good answer has several lines; of LIST and UIDL only without an argument. RFC 1939 §5, RFC 2449 §5. */
const POP3_LONG = ['RETR', 'TOP', 'CAPA']
const POP3_LISTS = ['LIST', 'UIDL']

export class Pop3Dialogue implements Dialogue {
  readonly protocol = 'POP3'
  /** Commands that wait for their answers. */
  readonly #asked: { readonly verb: string; readonly isLong: boolean }[] = []
  #isSecretNext = false
  /** Of a long answer: where the first line that was not yet all there begins, and how many are before it. */
  #searched: { at: number; lines: number } | undefined

  cut(side: Side, bytes: Uint8Array): Spoken | undefined {
    const line = firstLine(bytes)
    if (line === undefined) return undefined
    return side === 'client' ? this.#command(line) : this.#answer(line, bytes)
  }

  #command({ text, end }: FirstLine): Spoken {
    if (this.#isSecretNext) {
      this.#isSecretNext = false
      return { length: end, protocol: this.protocol, text: '****' }
    }
    const [word = '', argument] = text.split(' ')
    const verb = word.toUpperCase()
    const isLong = POP3_LONG.includes(verb) || (POP3_LISTS.includes(verb) && argument === undefined)
    this.#asked.push({ verb, isLong })
    const shown = text.replace(/^(PASS|APOP \S+|AUTH [A-Z0-9-]+) .*/i, '$1 ****')
    return { length: end, protocol: this.protocol, text: shown }
  }

  #answer({ text, end }: FirstLine, bytes: Uint8Array): Spoken | undefined {
    if (text.startsWith('+ ')) {
      this.#isSecretNext = true
      return { length: end, protocol: this.protocol, text }
    }
    const asked = this.#asked[0]
    if (asked === undefined) {
      return { length: end, protocol: this.protocol, text, phase: 'POP3 session' }
    }
    if (!asked.isLong || !text.startsWith('+OK')) {
      this.#asked.shift()
      return { length: end, protocol: this.protocol, text }
    }
    let { at, lines } = this.#searched ?? { at: end, lines: 0 }
    for (;;) {
      const line = firstLine(bytes, at)
      this.#searched = line === undefined ? { at, lines } : undefined
      if (line === undefined) return undefined
      if (line.text === '.') {
        this.#asked.shift()
        return this.#longAnswer(asked.verb, text, bytes.subarray(0, line.end), end, lines)
      }
      at = line.end
      lines++
    }
  }

  #longAnswer(
    verb: string,
    first: string,
    bytes: Uint8Array,
    bodyAt: number,
    lines: number,
  ): Spoken {
    const spoken = { length: bytes.length, protocol: this.protocol }
    if (verb !== 'RETR') return { ...spoken, text: `${first}\n… ${counted(lines, 'line')} …` }
    const { text, messageId } = mailText(bytes.subarray(bodyAt))
    const mails = messageId === undefined ? undefined : [messageId]
    return { ...spoken, text: `${first}\n${text}`, mails }
  }
}

interface FirstLine {
  readonly text: string
  readonly end: number
}

export class ImapDialogue implements Dialogue {
  readonly protocol = 'IMAP'
  /** What the client says next answers a challenge. */
  #isSecretNext = false
  /** The tag of AUTHENTICATE, and of COMPRESS. */
  #authenticating: string | undefined
  #compressing: string | undefined
  #isCompressed = false
  #isGreeted = false

  cut(side: Side, bytes: Uint8Array): Spoken | undefined {
    if (this.#isCompressed) {
      const text = `${bytes.length} B, compressed`
      return { length: bytes.length, protocol: this.protocol, text, isPart: true }
    }
    const whole = withLiterals(bytes)
    if (whole === undefined) return undefined
    return side === 'client' ? this.#command(whole) : this.#response(whole)
  }

  #command({ text, end }: FirstLine): Spoken {
    if (this.#isSecretNext) {
      this.#isSecretNext = false
      return { length: end, protocol: this.protocol, text: '****' }
    }
    const [tag, verb = ''] = text.split(' ')
    if (/^AUTHENTICATE$/i.test(verb)) this.#authenticating = tag
    if (/^COMPRESS$/i.test(verb)) this.#compressing = tag
    const shown = text.replace(/^(\S+ (?:LOGIN \S+|AUTHENTICATE \S+)) .*/is, '$1 ****')
    return { length: end, protocol: this.protocol, text: shown }
  }

  #response({ text, end }: FirstLine): Spoken {
    const [tag] = text.split(' ')
    if (tag === '+') this.#isSecretNext = this.#authenticating !== undefined
    if (tag === this.#authenticating) this.#authenticating = undefined
    if (tag === this.#compressing && /^\S+ OK/i.test(text)) this.#isCompressed = true
    const phase = this.#isGreeted ? undefined : 'IMAP session'
    this.#isGreeted = true
    return { length: end, protocol: this.protocol, text, phase, isPart: tag === '*' }
  }
}

/** A line with what is counted in it, `{12}` and `{12+}`, of which only the size is shown. RFC 9051 §4.3. */
function withLiterals(bytes: Uint8Array): FirstLine | undefined {
  let text = ''
  for (let at = 0; ; ) {
    const end = bytes.indexOf(0x0a, at)
    const line = firstLine(bytes, at)
    if (line === undefined) return undefined
    // The text of a long line is cut: its end is read from the octets.
    const tail = String.fromCharCode(...bytes.subarray(Math.max(at, end - 24), end))
    const literal = /\{(\d{1,12})\+?\}\r?$/.exec(tail)?.[1]
    text += line.text
    at = line.end
    if (literal === undefined) return { text, end: at }
    at += Number(literal)
    if (at > bytes.length) return undefined
  }
}
