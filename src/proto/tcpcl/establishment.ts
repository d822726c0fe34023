/**
 * The beginning of a session: contact headers, TLS where both want it, and what the two agree on.
 * RFC 9174 §4.1 to §4.7; version 3 has said everything with its contact header.
 */

import { NO_BYTES } from '../../base/bytes.ts'
import type { Fault, Result } from '../../base/fault.ts'
import type { PeerCertificate, TlsSession } from '../../base/tls.ts'
import { objectionToCertificate, objectionToNodeId, provesNodeId } from './authentication.ts'
import { encodeMessage } from './codec.ts'
import {
  CONTACT_FLAGS,
  CONTACT_FLAGS_3,
  type ContactHeader,
  type ContactHeader3,
  type ContactHeader4,
  type DecodedContactHeader,
  encodeContactHeader,
  type TcpclVersion,
} from './contact-header.ts'
import { DIALECT_3, DIALECT_4, type Dialect } from './dialect.ts'
import { fault, type TcpclFaultCode } from './fault.ts'
import { SEGMENT_BYTES_MAX } from './limits.ts'
import { type SessInit, TERM_REASONS } from './message.ts'
import { FLAGS_3, objectionTo } from './negotiation.ts'
import type { TcpclOptions } from './options.ts'

/** What comes next. `failed` and `established` are the last. */
export type Step =
  | { readonly type: 'send'; readonly bytes: Uint8Array }
  | { readonly type: 'secure' }
  | { readonly type: 'failed'; readonly fault: Fault }
  | { readonly type: 'established'; readonly terms: Terms }

/** What both sides have agreed on. */
export interface Terms {
  /** Empty where the peer keeps it to itself. */
  readonly nodeId: string
  /** Its certificate is that of this node. */
  readonly isProven: boolean
  readonly keepaliveSec: number
  readonly segmentMtu: number
  readonly transferMtu: number
  /** In version 4 always. */
  readonly isAcknowledged: boolean
  readonly mayRefuse: boolean
}

export class Establishment {
  readonly #options: TcpclOptions
  readonly #versions: readonly TcpclVersion[]
  /** What is waited for. */
  #phase: 'header' | 'handshake' | 'init' = 'header'
  #dialect: Dialect = DIALECT_4
  #peer: PeerCertificate | undefined
  #isSecured = false

  constructor(options: TcpclOptions) {
    const { tls, versions } = options
    this.#options = options
    // Version 3 knows no TLS.
    this.#versions = tls?.policy === 'require' ? [4] : versions
  }

  get phase(): 'header' | 'handshake' | 'init' {
    return this.#phase
  }

  get dialect(): Dialect {
    return this.#dialect
  }

  begin(): readonly Step[] {
    const [version = 4] = this.#versions
    return this.#options.role === 'active' ? [this.#contactHeader(version)] : []
  }

  /** RFC 9174 §4.3. */
  onHeader(decoded: Result<DecodedContactHeader>): readonly Step[] {
    if (!decoded.ok) {
      const isOtherVersion = decoded.fault.code === 'tcpcl/unsupported-version'
      const refusal = isOtherVersion ? this.#versionRefusal() : []
      return [...refusal, { type: 'failed', fault: decoded.fault }]
    }
    const { header } = decoded.value
    const isActive = this.#options.role === 'active'
    const isAgreed = isActive
      ? header.version === this.#versions[0]
      : this.#versions.includes(header.version)
    if (!isAgreed) {
      const reason = `the peer speaks version ${header.version}`
      return [...this.#versionRefusal(), failed('tcpcl/unsupported-version', reason)]
    }
    const answer = isActive ? [] : [this.#contactHeader(header.version)]
    return [...answer, ...(header.version === 3 ? [agreed3(header)] : this.#afterHeader(header))]
  }

  onSecured({ peer }: TlsSession): readonly Step[] {
    const { tls } = this.#options
    const objection = tls && objectionToCertificate(peer, tls)
    if (objection !== undefined) return this.#refusal('tcpcl/not-authenticated', objection)
    this.#isSecured = true
    this.#peer = peer
    return this.#initiate()
  }

  /** RFC 9174 §4.7. */
  onSessInit(init: SessInit): readonly Step[] {
    const { role, tls } = this.#options
    const unknown =
      tls && this.#isSecured ? objectionToNodeId(init.nodeId, this.#peer, tls) : undefined
    if (unknown !== undefined) return this.#refusal('tcpcl/not-authenticated', unknown)
    const unacceptable = objectionTo(init)
    if (unacceptable !== undefined) return this.#refusal('tcpcl/unacceptable', unacceptable)
    const isProven = this.#isSecured && provesNodeId(init.nodeId, this.#peer)
    return [...(role === 'passive' ? [this.#sessInit()] : []), agreed(init, isProven)]
  }

  /** TLS is used where both can. RFC 9174 §4.3. */
  #afterHeader({ flags }: ContactHeader4): readonly Step[] {
    const { tls } = this.#options
    if (tls !== undefined && (flags & CONTACT_FLAGS.canTls) !== 0) {
      this.#phase = 'handshake'
      return [{ type: 'secure' }]
    }
    if (tls?.policy !== 'require') return this.#initiate()
    return this.#refusal('tcpcl/tls-required', 'the peer does without TLS, and we do not')
  }

  #initiate(): readonly Step[] {
    this.#phase = 'init'
    return this.#options.role === 'active' ? [this.#sessInit()] : []
  }

  #refusal(code: TcpclFaultCode, reason: string): readonly Step[] {
    return [this.#term(TERM_REASONS.contactFailure), failed(code, reason)]
  }

  /** The passive side says which version it has, before it closes. The active one has said it. */
  #versionRefusal(): readonly Step[] {
    if (this.#options.role === 'active') return []
    const header = this.#contactHeader(this.#versions.includes(4) ? 4 : 3)
    return [header, this.#term(TERM_REASONS.versionMismatch)]
  }

  #contactHeader(version: TcpclVersion): Step {
    const { nodeId, keepaliveSec, tls } = this.#options
    this.#dialect = version === 4 ? DIALECT_4 : DIALECT_3
    const header: ContactHeader =
      version === 4
        ? { version, flags: tls === undefined ? 0 : CONTACT_FLAGS.canTls }
        : { version, flags: FLAGS_3, keepaliveSec, nodeId }
    return { type: 'send', bytes: encodeContactHeader(header) }
  }

  #sessInit(): Step {
    const { keepaliveSec, nodeId, transferBytesMax } = this.#options
    const mru = BigInt(transferBytesMax)
    const bytes = encodeMessage({
      type: 'sess-init',
      keepaliveSec,
      segmentMru: mru,
      transferMru: mru,
      nodeId,
      extensions: NO_BYTES,
    })
    return { type: 'send', bytes }
  }

  #term(reason: number): Step {
    return { type: 'send', bytes: this.#dialect.term({ reason, isReply: false }) }
  }
}

function agreed(
  { nodeId, keepaliveSec, segmentMru, transferMru }: SessInit,
  isProven: boolean,
): Step {
  const terms = {
    nodeId,
    isProven,
    keepaliveSec,
    segmentMtu: Math.min(Number(segmentMru), SEGMENT_BYTES_MAX),
    transferMtu: Number(transferMru),
    isAcknowledged: true,
    mayRefuse: true,
  }
  return { type: 'established', terms }
}

function agreed3({ flags, keepaliveSec, nodeId }: ContactHeader3): Step {
  const isAcknowledged = (flags & CONTACT_FLAGS_3.acknowledge) !== 0
  const terms = {
    nodeId,
    isProven: false,
    keepaliveSec,
    segmentMtu: SEGMENT_BYTES_MAX,
    transferMtu: Number.POSITIVE_INFINITY,
    isAcknowledged,
    mayRefuse: isAcknowledged && (flags & CONTACT_FLAGS_3.refuse) !== 0,
  }
  return { type: 'established', terms }
}

function failed(code: TcpclFaultCode, message: string): Step {
  return { type: 'failed', fault: fault(code, message, !LASTING.includes(code)) }
}

/** Somebody has to change something; until then it is told each time. */
const LASTING: readonly TcpclFaultCode[] = ['tcpcl/not-authenticated', 'tcpcl/tls-required']
