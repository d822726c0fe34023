/** Messages that look like a person's mail of some years: the same seed gives the same ones. */

import { type Random, seededRandom } from '../base/random.ts'

export interface BenchMessage {
  /** With CRLF. */
  readonly text: string
  /** Letters of a Maildir's file name. */
  readonly flags: string
  readonly second: number
}

/** A word in a few messages in a thousand, and a sender of about one in two hundred. */
export const RARE_WORD = 'zanzibar'
export const RARE_SENDER = 'quimby'

const FIRST_SECOND = 1_600_000_000
const SECONDS_BETWEEN = 3000

const SYLLABLES =
  'ba be bi bo bu da de di do du fa fe ga go ka ki la le li lo ma me mi mo na ne ni no pa pe po ra re ri ro sa se si so ta te ti to va ve vi za'.split(
    ' ',
  )

export function* benchMessages(count: number, seed: number): Generator<BenchMessage> {
  const maker = new Maker(seededRandom(seed))
  for (let n = 0; n < count; n++) yield maker.message(n, count)
}

interface Thread {
  readonly subject: string
  readonly ids: string[]
}

class Maker {
  readonly #random: Random
  readonly #words: readonly string[]
  readonly #people: readonly string[]
  readonly #threads: Thread[] = []

  constructor(random: Random) {
    this.#random = random
    this.#words = Array.from({ length: 4000 }, () => this.#word())
    const people = Array.from({ length: 199 }, () => `${this.#name()}.${this.#name()}`)
    this.#people = [...people, `homer.${RARE_SENDER}`]
  }

  message(n: number, count: number): BenchMessage {
    const kind = this.#random.next()
    const person = this.#people[this.#below(this.#people.length)] as string
    const second = FIRST_SECOND + n * SECONDS_BETWEEN
    const header = this.#header(n, person, second, kind > 0.6)
    const body =
      kind < 0.55
        ? this.#plain(this.#between(600, 5000))
        : kind < 0.92
          ? this.#alternative(this.#between(1500, 12_000))
          : this.#mixed(this.#between(10_000, 90_000))
    return {
      text: `${header.join('\r\n')}\r\n${body}`,
      flags: n > count * 0.98 ? '' : this.#flags(),
      second,
    }
  }

  #flags(): string {
    const [flagged, answered, seen] = [this.#chance(0.03), this.#chance(0.2), this.#chance(0.9)]
    return `${flagged ? 'F' : ''}${answered ? 'R' : ''}${seen ? 'S' : ''}`
  }

  #header(n: number, person: string, second: number, isList: boolean): string[] {
    const [first, last] = person.split('.') as [string, string]
    const thread = this.#thread()
    const id = `${second.toString(36)}.${n}@${last}.example`
    const references = thread.ids.slice(-8)
    thread.ids.push(id)
    const date = new Date(second * 1000).toUTCString().replace('GMT', '+0000')
    const hops = Array.from({ length: this.#between(1, 5) }, (_, i) => [
      `Received: from relay${i}.${last}.example (relay${i}.${last}.example [192.0.2.${i + 1}])`,
      `\tby mx${i}.mail.example (Postfix) with ESMTPS id ${this.#token(10)}`,
      `\tfor <user@mail.example>; ${date}`,
    ]).flat()
    const isEncoded = this.#chance(0.1)
    const subject = isEncoded
      ? `=?utf-8?q?Gr=C3=BC=C3=9Fe_${thread.subject.replaceAll(' ', '_')}?=`
      : thread.subject
    return [
      `Return-Path: <${person}@${last}.example>`,
      ...hops,
      ...(this.#chance(0.6) ? this.#signature(last) : []),
      ...(isList ? [`List-Id: <all.${last}.example>`, 'Precedence: list'] : []),
      `From: ${capital(first)} ${capital(last)} <${person}@${last}.example>`,
      `To: User <user@mail.example>${this.#chance(0.3) ? ',\r\n\tother@mail.example' : ''}`,
      ...(this.#chance(0.25) ? [`Cc: ${this.#people[0]}@team.example`] : []),
      `Subject: ${references.length > 0 ? 'Re: ' : ''}${subject}`,
      `Date: ${date}`,
      `Message-ID: <${id}>`,
      ...(references.length > 0
        ? [
            `In-Reply-To: <${references.at(-1)}>`,
            `References: ${references.map((one) => `<${one}>`).join('\r\n ')}`,
          ]
        : []),
      'MIME-Version: 1.0',
    ]
  }

  #signature(domain: string): string[] {
    return [
      `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain}.example; s=mail;`,
      `\tbh=${this.#token(43)}=;`,
      '\th=From:To:Subject:Date:Message-ID;',
      ...Array.from({ length: 5 }, () => `\t${this.#token(68)}`),
    ]
  }

  /** A new one, or one of the last hundred. */
  #thread(): Thread {
    if (this.#threads.length === 0 || this.#chance(0.4)) {
      this.#threads.push({ subject: this.#sentence(this.#between(2, 7)), ids: [] })
      if (this.#threads.length > 100) this.#threads.shift()
    }
    return this.#threads[this.#below(this.#threads.length)] as Thread
  }

  #plain(bytes: number): string {
    return `Content-Type: text/plain; charset=utf-8\r\n\r\n${this.#text(bytes)}`
  }

  #alternative(bytes: number): string {
    const boundary = `=_${this.#token(24)}`
    const html = this.#text(bytes)
      .split('\r\n')
      .map((line) => `<p style=3D"margin: 0">${line}</p>=20`)
      .join('\r\n')
    return [
      `Content-Type: multipart/alternative; boundary="${boundary}"`,
      '',
      `--${boundary}`,
      this.#plain(bytes / 3),
      `--${boundary}`,
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      `<html><body>${html}</body></html>`,
      `--${boundary}--`,
      '',
    ].join('\r\n')
  }

  #mixed(bytes: number): string {
    const boundary = `=_${this.#token(24)}`
    const lines = Array.from({ length: Math.ceil(bytes / 78) }, () => this.#token(76))
    return [
      `Content-Type: multipart/mixed; boundary="${boundary}"`,
      '',
      `--${boundary}`,
      this.#plain(1500),
      `--${boundary}`,
      `Content-Type: application/pdf; name="${this.#word()}.pdf"`,
      'Content-Transfer-Encoding: base64',
      'Content-Disposition: attachment',
      '',
      ...lines,
      `--${boundary}--`,
      '',
    ].join('\r\n')
  }

  #text(bytes: number): string {
    const lines: string[] = []
    for (let length = 0; length < bytes; length += (lines.at(-1) as string).length + 2) {
      lines.push(this.#chance(0.1) ? '' : `${this.#sentence(this.#between(6, 11))}.`)
    }
    return `${lines.join('\r\n')}\r\n`
  }

  #sentence(words: number): string {
    const chosen = Array.from({ length: words }, () => {
      if (this.#chance(0.000_05)) return RARE_WORD
      // As in languages, some words are in every text and most in few.
      return this.#words[Math.floor(this.#words.length * this.#random.next() ** 3)] as string
    })
    return capital(chosen.join(' '))
  }

  #word(): string {
    return Array.from({ length: this.#between(1, 4) }, () => this.#syllable()).join('')
  }

  #name(): string {
    return `${this.#syllable()}${this.#syllable()}${this.#syllable()}`
  }

  #syllable(): string {
    return SYLLABLES[this.#below(SYLLABLES.length)] as string
  }

  #token(length: number): string {
    let token = ''
    while (token.length < length) token += this.#random.next().toString(36).slice(2)
    return token.slice(0, length)
  }

  #chance(share: number): boolean {
    return this.#random.next() < share
  }

  #between(from: number, to: number): number {
    return from + this.#below(to - from + 1)
  }

  #below(end: number): number {
    return Math.floor(this.#random.next() * end)
  }
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}
