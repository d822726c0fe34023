import { concat, fromLatin1, NO_BYTES, toLatin1 } from '../../base/bytes.ts'
import type { MessageFilter } from './policy.ts'

/** Takes fields of one name out of the header of a message: those that nobody is to believe. */
export class FieldFilter implements MessageFilter {
  readonly #name: RegExp
  readonly #nameAnywhere: RegExp
  readonly #isUnwanted: (field: string) => boolean
  #isHeader = true
  /** The line that has not ended. */
  #line = ''
  /** A field of that name, as far as it has come; undefined in others. */
  #field: string | undefined
  #isWithinLine = false

  /**
   * `name` is letters and hyphens; `isUnwanted` is asked with a whole field, its folds in it, one character
   * per octet. One that is very long is unwanted unasked.
   */
  constructor(name: string, isUnwanted: (field: string) => boolean) {
    // The colon of a very long line may come later.
    this.#name = new RegExp(`^${name}[ \\t]*(?::|$)`, 'i')
    this.#nameAnywhere = new RegExp(this.#name.source, 'im')
    this.#isUnwanted = isUnwanted
  }

  /** The next bytes as they came in; returns those that stay, which may be `bytes` itself. */
  push(bytes: Uint8Array): Uint8Array {
    if (!this.#isHeader) return bytes
    const bodyAt = this.#isFresh() ? bodyStart(bytes) : bytes.length
    const text = this.#line + toLatin1(bytes.subarray(0, bodyAt))
    if (bodyAt < bytes.length && !this.#nameAnywhere.test(text)) {
      this.#isHeader = false
      return bytes
    }
    let out = ''
    let at = 0
    while (this.#isHeader) {
      const end = text.indexOf('\n', at)
      if (end < 0) break
      out += this.#take(text.slice(at, end + 1))
      at = end + 1
    }
    const rest = text.slice(at)
    if (!this.#isHeader) return concat(fromLatin1(out + rest), bytes.subarray(bodyAt))
    this.#line = rest
    if (rest.length > LINE_LENGTH_MAX) {
      // Longer than the name of a field: the rest of the line is as harmless as its beginning.
      this.#line = ''
      out += this.#take(rest)
    }
    return out === '' ? NO_BYTES : fromLatin1(out)
  }

  /** The message is complete; returns what is still to stay. */
  end(): Uint8Array {
    const out = this.#isHeader ? this.#take(this.#line) + this.#fieldEnds() : ''
    this.#isHeader = false
    return fromLatin1(out)
  }

  /** Nothing of what has come is kept, and a line begins. */
  #isFresh(): boolean {
    return this.#line === '' && this.#field === undefined && !this.#isWithinLine
  }

  /** A line, or what has come of a very long one; answers what goes out. */
  #take(line: string): string {
    if (line === '') return ''
    if (this.#field !== undefined && (this.#isWithinLine || /^[ \t]/.test(line))) {
      this.#isWithinLine = !line.endsWith('\n')
      // What is too long to be judged is not kept.
      this.#field = (this.#field + line).slice(0, FIELD_LENGTH_MAX)
      return ''
    }
    const isWithin = this.#isWithinLine
    this.#isWithinLine = !line.endsWith('\n')
    if (isWithin) return line
    const before = this.#fieldEnds()
    if (/^\r?\n$/.test(line)) this.#isHeader = false
    if (!this.#name.test(line)) return before + line
    this.#field = line
    return before
  }

  #fieldEnds(): string {
    const field = this.#field
    this.#field = undefined
    if (field === undefined || field.length >= FIELD_LENGTH_MAX) return ''
    return this.#isUnwanted(field) ? '' : field
  }
}

/** Behind the empty line of a header that begins with these; all of them where there is none. */
function bodyStart(bytes: Uint8Array): number {
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LF, at)
    if (end < 0) break
    if (end === at || (end === at + 1 && bytes[at] === CR)) return end + 1
    at = end + 1
  }
  return bytes.length
}

const CR = 0x0d
const LF = 0x0a

const LINE_LENGTH_MAX = 4096
const FIELD_LENGTH_MAX = 65_536
