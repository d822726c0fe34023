/** Lists of addresses as header fields have them, read as leniently as possible. RFC 5322 §3.4, §4.4. */

import type { EnvelopeAddress } from './envelope.ts'

/** Linear in the length of `text`; never throws. What is no address at all becomes none. */
export function parseAddressList(text: string): readonly EnvelopeAddress[] {
  const reader = new AddressReader(text)
  return reader.read()
}

/** Longer than any address of a host. */
const LITERAL_MAX = 64

/** Up to what ends a word, or to a literal in it. */
const ATOM = /[^",;:<( \t\r\n[]*/y

class AddressReader {
  readonly #text: string
  readonly #addresses: EnvelopeAddress[] = []
  #at = 0
  /** The words so far, as a display name and as an address without brackets. */
  #words: string[] = []
  #bare = ''
  #comment: string | undefined
  #angle: string | undefined
  #inGroup = false

  constructor(text: string) {
    this.#text = text
  }

  read(): readonly EnvelopeAddress[] {
    while (this.#at < this.#text.length) this.#token(this.#text.charAt(this.#at))
    this.#finishAddress()
    if (this.#inGroup) this.#addresses.push({})
    return this.#addresses
  }

  #token(c: string): void {
    if (c === '"') {
      const word = this.#quoted()
      this.#words.push(word)
      this.#bare += word
    } else if (c === '(') {
      this.#comment = this.#readComment()
    } else if (c === '<') {
      this.#angle = this.#readAngle()
    } else if (c === ',' || c === ';') {
      this.#at++
      this.#finishAddress()
      if (c === ';' && this.#inGroup) this.#endGroup()
    } else if (c === ':' && !this.#inGroup && this.#angle === undefined && this.#bare !== '') {
      this.#at++
      this.#addresses.push({ mailbox: this.#words.join(' ') })
      this.#inGroup = true
      this.#forget()
    } else if (c === ' ' || c === '\t' || c === '\r' || c === '\n') {
      this.#at++
    } else {
      this.#atom()
    }
  }

  #atom(): void {
    const from = this.#at
    this.#at++
    for (;;) {
      ATOM.lastIndex = this.#at
      this.#at += ATOM.exec(this.#text)?.[0].length ?? 0
      if (this.#text.charAt(this.#at) !== '[') break
      this.#skipLiteral()
    }
    const word = this.#text.slice(from, this.#at)
    this.#words.push(word)
    this.#bare += word
  }

  /** A literal may have colons: `[IPv6:::1]`. */
  #skipLiteral(): void {
    const literal = /^\[[^\],"<]*\]/.exec(this.#text.slice(this.#at, this.#at + LITERAL_MAX))
    this.#at += literal?.[0].length ?? 1
  }

  #quoted(): string {
    let word = ''
    for (this.#at++; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charAt(this.#at)
      if (c === '"') break
      if (c === '\\' && this.#at + 1 < this.#text.length) this.#at++
      word += this.#text.charAt(this.#at)
    }
    this.#at++
    return word
  }

  #readComment(): string {
    let comment = ''
    let depth = 0
    for (; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charAt(this.#at)
      if (c === '\\' && this.#at + 1 < this.#text.length) this.#at++
      else if (c === '(' && depth++ === 0) continue
      else if (c === ')' && --depth === 0) break
      comment += this.#text.charAt(this.#at)
    }
    this.#at++
    return comment
  }

  #readAngle(): string {
    const from = this.#at + 1
    let isQuoted = false
    for (this.#at = from; this.#at < this.#text.length; this.#at++) {
      const c = this.#text.charAt(this.#at)
      if (c === '"') isQuoted = !isQuoted
      else if (isQuoted && c === '\\') this.#at++
      else if (!isQuoted && c === '>') break
    }
    const angle = this.#text.slice(from, this.#at)
    this.#at++
    return angle
  }

  #finishAddress(): void {
    const name = this.#words.join(' ')
    if (this.#angle !== undefined) {
      this.#addresses.push({ ...addressIn(this.#angle), ...(name !== '' && { name }) })
    } else if (this.#bare !== '') {
      const named = this.#comment === undefined ? {} : { name: this.#comment }
      this.#addresses.push({ ...splitAddress(this.#bare), ...named })
    }
    this.#forget()
  }

  #endGroup(): void {
    this.#addresses.push({})
    this.#inGroup = false
  }

  #forget(): void {
    this.#words = []
    this.#bare = ''
    this.#comment = undefined
    this.#angle = undefined
  }
}

/** `@route:local@domain`, spaces and quotes taken away. */
function addressIn(angle: string): EnvelopeAddress {
  if (!/[" \t\r\n]/.test(angle) && !angle.startsWith('@')) return splitAddress(angle)
  const text = angle.replace(/"((?:[^"\\]|\\.)*)"|[ \t\r\n]+/g, (_, quoted?: string) =>
    (quoted ?? '').replace(/\\(.)/g, '$1'),
  )
  const colon = text.startsWith('@') ? text.indexOf(':') : -1
  return colon < 0
    ? splitAddress(text)
    : { route: text.slice(0, colon), ...splitAddress(text.slice(colon + 1)) }
}

/** A domain that is missing is an empty one: absent would begin a group. */
function splitAddress(text: string): EnvelopeAddress {
  const at = text.lastIndexOf('@')
  return at < 0
    ? { mailbox: text, host: '' }
    : { mailbox: text.slice(0, at), host: text.slice(at + 1) }
}
