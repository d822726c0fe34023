/**
 * Mails as people and programs send them, 1 to 30 KB, the same for a seed on every machine: threads
 * with quotations, newsletters in HTML, reports of programs, photographs and documents in base64.
 * Words are drawn as in a language, few of them often: no text that a dictionary could know by heart.
 */

import { type Random, randomBytes, seededRandom } from '../base/random.ts'

export interface CorpusMail {
  readonly from: string
  readonly recipients: readonly string[]
  /** With CRLF. */
  readonly message: string
}

export function mailCorpus(seed: number, count: number): readonly CorpusMail[] {
  const writer = new Writer(seededRandom(seed))
  return Array.from({ length: count }, (_, i) => writer.mail(i))
}

const SYLLABLES =
  'ba be bi con da de di en er es fa ge in ka la le li ma me mi na ne ni or pa pe ra re ri sa se si ta te ti to tra un va ve'.split(
    ' ',
  )
const COMMON =
  'the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which one you were all her she there would their we him been has when who will no more if out so up said what its about than into them can only other time new some could these two may first then do any like my now over such our man me even most made after also did many'.split(
    ' ',
  )
const NAMES =
  'ada bruno chen dora emil fatima george hana ivan julia karl lena mila noor otto petra quentin rosa sven tara ursula victor wanda xenia yusuf zoe'.split(
    ' ',
  )
const SUBJECTS = [
  'report',
  'schedule',
  'visit',
  'samples',
  'delivery',
  'budget',
  'photos',
  'meeting',
  'update',
  'question',
]
const DAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']
const VOCABULARY = 4000
/** How often a word is one of the few that follow the last one: so that text is as compressible as English. */
const FOLLOWS_SHARE = 0.72
const FOLLOWERS = 24
const COMMON_MAX = 1500
const THREADS = 12
/** Subscribers of one newsletter at the far site. */
const SUBSCRIBERS_MAX = 4

class Writer {
  readonly #random: Random
  readonly #words: readonly string[]
  #last = 0
  readonly #signatures = new Map<string, string>()
  /** Sent to several, one after the other. */
  #newsletters: CorpusMail[] = []
  /** The last letters, to which others answer. */
  readonly #threads: { readonly id: string; readonly subject: string; readonly text: string }[] = []

  constructor(random: Random) {
    this.#random = random
    const made = Array.from({ length: VOCABULARY - COMMON.length }, () =>
      Array.from({ length: 1 + this.#below(4) }, () => this.#one(SYLLABLES)).join(''),
    )
    this.#words = [...COMMON, ...made]
  }

  mail(index: number): CorpusMail {
    const copy = this.#newsletters.pop()
    if (copy !== undefined) return copy
    const from = `${this.#one(NAMES)}@mail-1.a.com`
    const recipients = [`${this.#one(NAMES)}@mail-2.a.com`]
    if (this.#random.next() < 0.2) recipients.push(`${this.#one(NAMES)}@mail-2.a.com`)
    const kind = this.#random.next()
    if (kind < 0.6) return this.#letter(index, from, recipients)
    if (kind < 0.68) return this.#newsletter(index, from, recipients)
    if (kind < 0.9) return this.#programReport(index, from, recipients)
    return this.#attachment(index, from, recipients)
  }

  #letter(index: number, from: string, to: readonly string[]): CorpusMail {
    const isAnswer = this.#threads.length > 0 && this.#random.next() < 0.5
    const answers = isAnswer ? this.#one(this.#threads) : undefined
    const subject = answers ? `Re: ${answers.subject.replace(/^Re: /, '')}` : this.#subject()
    const own = this.#text(600 + this.#below(4000))
    const quoted = answers?.text
      .split('\r\n')
      .map((line) => `> ${line}`)
      .slice(0, 150)
      .join('\r\n')
    const all =
      quoted === undefined
        ? own
        : `${own}\r\n\r\nOn ${this.#date(index)}, ${to[0]} wrote:\r\n${quoted}\r\n`
    const id = this.#id(from)
    this.#threads.push({ id, subject, text: all })
    if (this.#threads.length > THREADS) this.#threads.shift()
    const fields = [
      ...(answers ? [`In-Reply-To: <${answers.id}>`, `References: <${answers.id}>`] : []),
      'User-Agent: Mozilla Thunderbird',
      'Content-Type: text/plain; charset=UTF-8; format=flowed',
      'Content-Transfer-Encoding: 8bit',
    ]
    return this.#mailOf({
      index,
      from,
      to,
      subject,
      id,
      fields,
      body: `${all}\r\n-- \r\n${this.#signature(from)}\r\n`,
    })
  }

  #newsletter(index: number, from: string, to: readonly string[]): CorpusMail {
    const boundary = `----=_Part_${this.#below(1e6)}_${this.#below(1e9)}`
    const paragraphs = Array.from({ length: 5 + this.#below(20) }, () =>
      this.#text(200 + this.#below(400)),
    )
    const html = paragraphs
      .map(
        (text) =>
          `<tr><td style="padding:10px;font-family:Arial,sans-serif;font-size:14px;"><p>${text.replace(/\r\n/g, ' ')}</p><a href="https://www.example.com/${this.#word()}/${this.#below(1e6)}">${this.#word()}</a></td></tr>`,
      )
      .join('\r\n')
    const body = [
      `--${boundary}`,
      'Content-Type: text/plain; charset=utf-8',
      'Content-Transfer-Encoding: 7bit',
      '',
      ...paragraphs,
      `--${boundary}`,
      'Content-Type: text/html; charset=utf-8',
      'Content-Transfer-Encoding: 7bit',
      '',
      '<!DOCTYPE html><html><head><meta charset="utf-8"></head><body><table width="600" cellpadding="0" cellspacing="0">',
      html,
      '</table></body></html>',
      `--${boundary}--`,
      '',
    ].join('\r\n')
    const fields = [
      'List-Unsubscribe: <https://www.example.com/unsubscribe>',
      `Content-Type: multipart/alternative; boundary="${boundary}"`,
    ]
    const subject = this.#subject()
    const others = Array.from({ length: this.#below(SUBSCRIBERS_MAX) }, () => [
      `${this.#one(NAMES)}@mail-2.a.com`,
    ])
    this.#newsletters = others.map((subscriber) =>
      this.#mailOf({ index, from, to: subscriber, subject, id: this.#id(from), fields, body }),
    )
    return this.#mailOf({ index, from, to, subject, id: this.#id(from), fields, body })
  }

  #programReport(index: number, from: string, to: readonly string[]): CorpusMail {
    const lines = Array.from(
      { length: 10 + this.#below(100) },
      () =>
        `${this.#two()}:${this.#two()}:${this.#two()} ${this.#one(NAMES)}-${this.#below(9)} ${this.#word()}[${this.#below(30_000)}]: ${this.#word()} ${this.#word()} ${this.#below(1e5)} ms`,
    )
    const fields = ['Auto-Submitted: auto-generated', 'Content-Type: text/plain; charset=us-ascii']
    return this.#mailOf({
      index,
      from,
      to,
      subject: `Cron <root@mail-1> ${this.#word()}`,
      id: this.#id(from),
      fields,
      body: `${lines.join('\r\n')}\r\n`,
    })
  }

  #attachment(index: number, from: string, to: readonly string[]): CorpusMail {
    const boundary = `------------${this.#hex(24)}`
    const name = `${this.#word()}.${this.#one(['jpg', 'pdf', 'png', 'zip'])}`
    const bytes = randomBytes(this.#random, 2000 + this.#below(17_000))
    const base64 = btoa(String.fromCharCode(...bytes)).replace(/.{72}/g, '$&\r\n')
    const body = [
      'This is a multi-part message in MIME format.',
      `--${boundary}`,
      'Content-Type: text/plain; charset=UTF-8',
      'Content-Transfer-Encoding: 7bit',
      '',
      this.#text(200 + this.#below(800)),
      '',
      `--${boundary}`,
      `Content-Type: application/octet-stream; name="${name}"`,
      `Content-Disposition: attachment; filename="${name}"`,
      'Content-Transfer-Encoding: base64',
      '',
      base64,
      `--${boundary}--`,
      '',
    ].join('\r\n')
    const fields = [`Content-Type: multipart/mixed; boundary="${boundary}"`]
    return this.#mailOf({
      index,
      from,
      to,
      subject: this.#subject(),
      id: this.#id(from),
      fields,
      body,
    })
  }

  #mailOf(mail: {
    readonly index: number
    readonly from: string
    readonly to: readonly string[]
    readonly subject: string
    readonly id: string
    readonly fields: readonly string[]
    readonly body: string
  }): CorpusMail {
    const { index, from, to, subject, id, fields, body } = mail
    const message = [
      `Received: from [172.21.0.${2 + this.#below(200)}] by mail-1.a.com (Lightlag) with ESMTPSA`,
      ` id ${this.#hex(12)}; ${this.#date(index)}`,
      `Message-ID: <${id}>`,
      `Date: ${this.#date(index)}`,
      'MIME-Version: 1.0',
      `From: ${from}`,
      `To: ${to.join(', ')}`,
      `Subject: ${subject}`,
      ...fields,
      '',
      body,
    ].join('\r\n')
    return { from, recipients: to, message }
  }

  #text(length: number): string {
    const lines: string[] = []
    let line = ''
    for (let left = length; left > 0; ) {
      const word = this.#word()
      left -= word.length + 1
      if (line.length + word.length > 71) {
        lines.push(line)
        line = word
      } else line = line === '' ? word : `${line} ${word}`
    }
    return [...lines, `${line}.`].join('\r\n')
  }

  #signature(from: string): string {
    const known = this.#signatures.get(from)
    if (known !== undefined) return known
    const made = `${from.split('@')[0]}\r\n${this.#text(80 + this.#below(300))}`
    this.#signatures.set(from, made)
    return made
  }

  /** By Zipf's law, roughly, and mostly one that often follows the last one. */
  #word(): string {
    const rank = Math.floor(VOCABULARY ** this.#random.next()) - 1
    const isUsual = this.#random.next() < FOLLOWS_SHARE
    const follower =
      (this.#last * 7 + Math.floor(FOLLOWERS ** this.#random.next()) * 31) % COMMON_MAX
    this.#last = isUsual ? follower : Math.max(0, rank)
    return this.#words[this.#last] ?? 'the'
  }

  #subject(): string {
    return `${this.#one(SUBJECTS)} ${this.#word()} ${this.#word()}`
  }

  #date(index: number): string {
    const day = 1 + (Math.floor(index / 40) % 28)
    const month = MONTHS[Math.floor(index / 1200) % 12]
    return `${DAYS[day % 7]}, ${day} ${month} 2026 ${this.#two()}:${this.#two()}:${this.#two()} +0000`
  }

  #id(from: string): string {
    return `${this.#hex(8)}-${this.#hex(4)}-${this.#hex(12)}@${from.split('@')[1]}`
  }

  #hex(length: number): string {
    return Array.from({ length }, () => this.#below(16).toString(16)).join('')
  }

  #two(): string {
    return String(this.#below(24)).padStart(2, '0')
  }

  #one<Item>(items: readonly Item[]): Item {
    return items[this.#below(items.length)] as Item
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound)
  }
}
