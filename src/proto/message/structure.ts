/**
 * The MIME structure of a message with the place of every part, read as its octets pass by. RFC 2046
 * §5.1. Any octets are a message: what is broken becomes text of the part that holds it.
 */

import { toLatin1 } from '../../base/bytes.ts'
import type { Envelope, MessagePart } from './envelope.ts'
import { FIELD_BYTES_MAX, FIELDS_BYTES_MAX, PART_DEPTH_MAX, PARTS_MAX } from './limits.ts'
import { parameterOf } from './parameters.ts'
import {
  describePart,
  envelopeOf,
  isDigest,
  isEncoded,
  isKept,
  isList,
  isMessageType,
  mayBeKept,
  type PartFields,
  partType,
} from './part-fields.ts'

export interface MessageStructure {
  readonly part: MessagePart
  /** Those of the message itself that ENVELOPE and References need: unfolded, raw. */
  readonly fields: PartFields
}

const LF = 0x0a
const CR = 0x0d
const DASH = 0x2d
const SPACE = 0x20
const TAB = 0x09

/** A boundary has at most 70 characters; what follows it on its line are spaces. RFC 2046 §5.1.1. */
const BOUNDARY_LINE_MAX = 256

interface Frame {
  readonly headerStart: number
  /** Type if its header says none: that of a message's parts is another in a digest. RFC 2046 §5.1.5. */
  readonly defaultType: string
  readonly isMessage: boolean
  state: 'header' | 'body' | 'preamble' | 'epilogue'
  readonly fields: PartFields
  bodyStart: number
  bodyLine: number
  boundary: string | undefined
  readonly parts: MessagePart[]
  message: { envelope: Envelope; part: MessagePart } | undefined
}

/** Feed it the message as it is sent, with CRLF at every line's end; `bytes` are borrowed. */
export class StructureReader {
  readonly #frames: Frame[]
  /** The beginning of the line that is being read, and how long it is by now. */
  #held = new Uint8Array(BOUNDARY_LINE_MAX)
  #heldLength = 0
  #lineLength = 0
  #at = 0
  #lineCount = 0
  #isLastLineEmpty = false
  #partCount = 1
  #fieldsLeft = FIELDS_BYTES_MAX
  #fieldName = ''

  constructor() {
    this.#frames = [newFrame(0, 'text/plain', true)]
  }

  push(bytes: Uint8Array): void {
    let from = 0
    while (from < bytes.length) {
      const lf = bytes.indexOf(LF, from)
      const end = lf < 0 ? bytes.length : lf + 1
      this.#at += end - from
      if (lf >= 0 && this.#lineLength === 0) this.#wholeLine(bytes, from, end)
      else {
        this.#hold(bytes, from, end)
        this.#lineLength += end - from
        if (lf >= 0) this.#heldLine()
      }
      from = end
    }
  }

  /** One that is not in pieces, as the most are: nothing of it need be held. */
  #wholeLine(bytes: Uint8Array, from: number, end: number): void {
    const isHeader = this.#top.state === 'header'
    if (isHeader ? this.#mayMatter(bytes, from, end) : bytes[from] === DASH) {
      this.#line(bytes.subarray(from, Math.min(end, from + this.#wanted)), end - from)
      return
    }
    this.#lineCount++
    this.#isLastLineEmpty = end === from + 1 || (end === from + 2 && bytes[from] === CR)
  }

  /** Of a header, one that is not of a field that nobody asks for, as the most are. */
  #mayMatter(bytes: Uint8Array, from: number, end: number): boolean {
    const first = bytes[from] as number
    if (isBlank(first)) return this.#fieldName !== ''
    if (first === LF || first === CR || first === DASH) return true
    const limit = Math.min(end, from + KEPT_NAME_MAX)
    let at = from
    while (at < limit && bytes[at] !== COLON && !isBlank(bytes[at])) at++
    if (mayBeKept(first, at - from)) return true
    this.#fieldName = ''
    return false
  }

  /** Of the message itself, as far as they have been read. */
  get fields(): PartFields {
    return (this.#frames[0] as Frame).fields
  }

  /** The message ends here. */
  end(): MessageStructure {
    if (this.#lineLength > 0) this.#heldLine()
    const root = this.#frames[0] as Frame
    let part = this.#closeLast(this.#at)
    while (this.#frames.length > 0) part = this.#closeLast(this.#at)
    return { part, fields: root.fields }
  }

  #hold(bytes: Uint8Array, from: number, end: number): void {
    const wanted = this.#wanted
    const room = wanted - this.#heldLength
    if (room <= 0) return
    const count = Math.min(room, end - from)
    if (this.#heldLength + count > this.#held.length) {
      const roomier = new Uint8Array(Math.min(wanted, 2 * (this.#heldLength + count)))
      roomier.set(this.#held.subarray(0, this.#heldLength))
      this.#held = roomier
    }
    this.#held.set(bytes.subarray(from, from + count), this.#heldLength)
    this.#heldLength += count
  }

  /** Octets of a line that may matter. */
  get #wanted(): number {
    return this.#top.state === 'header' ? FIELD_BYTES_MAX : BOUNDARY_LINE_MAX
  }

  get #top(): Frame {
    return this.#frames[this.#frames.length - 1] as Frame
  }

  #heldLine(): void {
    const [held, length] = [this.#held.subarray(0, this.#heldLength), this.#lineLength]
    this.#lineLength = 0
    this.#heldLength = 0
    this.#line(held, length)
  }

  /** One whole line that ends here, of which this is the beginning. */
  #line(held: Uint8Array, length: number): void {
    const start = this.#at - length
    let contentEnd = held.length
    if (contentEnd === length && held[contentEnd - 1] === LF) contentEnd--
    if (contentEnd > 0 && held[contentEnd - 1] === CR) contentEnd--
    const mayDelimit = contentEnd > 2 && held[0] === DASH && held[1] === DASH
    if (mayDelimit && this.#delimiter(held.subarray(0, contentEnd), start)) return
    this.#lineCount++
    this.#isLastLineEmpty = contentEnd === 0
    const top = this.#top
    if (top.state === 'header') this.#headerLine(top, held.subarray(0, contentEnd))
  }

  /** Whether it ends a part of one of those that are open: the innermost that it fits. */
  #delimiter(line: Uint8Array, start: number): boolean {
    const text = toLatin1(line.subarray(2, BOUNDARY_LINE_MAX)).trimEnd()
    for (let level = this.#frames.length - 1; level >= 0; level--) {
      const frame = this.#frames[level] as Frame
      const { boundary } = frame
      if (boundary === undefined || !text.startsWith(boundary)) continue
      const isLast = text === `${boundary}--`
      if (!isLast && (text !== boundary || this.#partCount >= PARTS_MAX)) continue
      if (frame.state === 'epilogue') continue
      // The line end before it is a part of the delimiter. RFC 2046 §5.1.1.
      const end = Math.max(0, start - 2)
      const linesBefore = this.#lineCount
      if (this.#isLastLineEmpty) this.#lineCount--
      while (this.#frames.length > level + 1) this.#closeLast(end)
      this.#lineCount = linesBefore + 1
      this.#isLastLineEmpty = false
      frame.state = isLast ? 'epilogue' : 'preamble'
      if (!isLast) this.#open(this.#at, isDigest(frame.fields) ? 'message/rfc822' : 'text/plain')
      return true
    }
    return false
  }

  #open(headerStart: number, defaultType: string, isMessage = false): void {
    this.#partCount++
    this.#fieldName = ''
    this.#frames.push(newFrame(headerStart, defaultType, isMessage))
  }

  #headerLine(frame: Frame, line: Uint8Array): void {
    if (line.length === 0) {
      this.#endHeader(frame)
      return
    }
    if (line[0] === SPACE || line[0] === TAB) {
      if (this.#fieldName !== '') this.#keep(frame, this.#fieldName, toLatin1(line).trim(), ' ')
      return
    }
    const colon = line.subarray(0, FIELD_NAME_MAX).indexOf(COLON)
    const name = colon < 0 ? '' : fieldName(line, colon)
    const isFirst = frame.fields[name] === undefined
    // Of a field that may stand only once the first counts; lists of addresses are joined.
    this.#fieldName = isKept(name, frame.isMessage) && (isFirst || isList(name)) ? name : ''
    if (this.#fieldName === '') return
    this.#keep(frame, this.#fieldName, toLatin1(line.subarray(colon + 1)).trim(), ', ')
  }

  /** Within the bounds: what is beyond them is not kept. */
  #keep({ fields }: Frame, name: string, value: string, joint: string): void {
    const before = fields[name]
    const text = before === undefined || before === '' ? value : `${joint}${value}`
    const room = Math.min(FIELD_BYTES_MAX - (before?.length ?? 0), this.#fieldsLeft)
    const kept = text.slice(0, Math.max(0, room))
    this.#fieldsLeft -= kept.length
    fields[name] = (before ?? '') + kept
  }

  /** What its header says decides what its body is. */
  #endHeader(frame: Frame): void {
    frame.bodyStart = this.#at
    frame.bodyLine = this.#lineCount
    const { type, subtype, parameters } = partType(frame.fields, frame.defaultType)
    const isRoom = this.#frames.length < PART_DEPTH_MAX && this.#partCount < PARTS_MAX
    frame.state = 'body'
    if (!isRoom) return
    if (type === 'multipart') {
      const boundary = parameterOf(parameters, 'boundary')?.trimEnd()
      if (boundary === undefined || boundary === '') return
      frame.boundary = boundary
      frame.state = 'preamble'
    } else if (isMessageType(type, subtype) && !isEncoded(frame.fields)) {
      this.#open(this.#at, 'text/plain', true)
    }
  }

  /** `end` is behind the body. */
  #closeLast(end: number): MessagePart {
    const frame = this.#frames.pop() as Frame
    const hasBody = frame.bodyStart >= 0
    // The delimiter came before the body did, or right behind the header.
    const bodyStart = hasBody ? frame.bodyStart : Math.max(end, frame.headerStart)
    const bodyEnd = Math.max(end, bodyStart)
    const part = describePart({
      fields: frame.fields,
      defaultType: frame.defaultType,
      headerStart: frame.headerStart,
      bodyStart,
      end: bodyEnd,
      lines: bodyEnd === bodyStart ? 0 : this.#lineCount - frame.bodyLine,
      parts: frame.parts,
      message: frame.message,
    })
    const outer = this.#frames.at(-1)
    if (outer !== undefined && frame.isMessage) {
      outer.message = { envelope: envelopeOf(frame.fields), part }
    } else if (outer !== undefined) outer.parts.push(part)
    return part
  }
}

/** In lower case; empty where it is of no field that is kept. */
function fieldName(line: Uint8Array, colon: number): string {
  let end = colon
  while (end > 0 && isBlank(line[end - 1])) end--
  return mayBeKept(line[0] as number, end) ? toLatin1(line.subarray(0, end)).toLowerCase() : ''
}

function isBlank(octet: number | undefined): boolean {
  return octet === SPACE || octet === TAB
}

/** Longer than the name of any field that is kept. */
const KEPT_NAME_MAX = 31

/** Longer than any name that means something to us. */
const FIELD_NAME_MAX = 100
const COLON = 0x3a

function newFrame(headerStart: number, defaultType: string, isMessage: boolean): Frame {
  return {
    headerStart,
    defaultType,
    isMessage,
    state: 'header',
    fields: {},
    bodyStart: -1,
    bodyLine: 0,
    boundary: undefined,
    parts: [],
    message: undefined,
  }
}
