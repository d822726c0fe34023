/** Verifies the signatures of one message, DKIM's and ARC's, while it comes. */

import type { ARCData } from 'mailauth'
import { arc, createSeal } from 'mailauth/lib/arc/index.js'
import {
  DkimVerifier,
  type SignatureHeader,
  type SignatureResult,
} from 'mailauth/lib/dkim/dkim-verifier.js'
import type { ParsedHeaders } from 'mailauth/lib/tools.js'
import type { WallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type {
  ArcResult,
  Authentication,
  DkimResult,
  DmarcResult,
  MessageVerifier,
  SigningKey,
  SpfResult,
} from '../ports/mail-authentication.ts'
import type { Resolver } from './authentication-lookups.ts'
import { type BodyHashName, MessageParts } from './message-parts.ts'

/** What else is looked at. */
export interface OtherChecks {
  readonly spf: () => Promise<SpfResult>
  /** `from` has the addresses of the authors. */
  readonly dmarc: (
    from: readonly string[],
    spf: SpfResult,
    dkim: readonly DkimResult[],
  ) => Promise<DmarcResult>
}

/** Each costs a question and some milliseconds; mailing lists add one or two to the author's two. */
export const SIGNATURES_MAX = 8

/** Each is looked for among all fields. */
const SIGNED_FIELDS_MAX = 300

const KEY_BITS_MIN = 1024

/** What a seal covers of the body. */
const SEALED_BODY: BodyHashName = 'relaxed:sha256'

export class DkimMessageVerifier implements MessageVerifier {
  readonly #resolver: Resolver
  readonly #others: OtherChecks
  readonly #verifier: DkimVerifier
  readonly #parts: MessageParts
  #header: ParsedHeaders | undefined
  /** Signatures that are not looked at. */
  readonly #passedOver: DkimResult[] = []
  #lookedAt = 0
  #failure: unknown
  #headerDone: Promise<void> = Promise.resolve()
  #bodyHash: string | undefined
  #arc: Awaited<ReturnType<typeof arc>> | undefined

  constructor(resolver: Resolver, clock: Clock, others: OtherChecks) {
    this.#resolver = resolver
    this.#others = others
    this.#verifier = new DkimVerifier({
      resolver,
      // That of the envelope is for SPF.
      sender: 'nobody@invalid',
      minBitLength: KEY_BITS_MIN,
      curTime: new Date(clock.wall()),
    })
    this.#parts = new MessageParts((header) => this.#onHeader(header))
  }

  push(bytes: Uint8Array): void {
    this.#parts.push(bytes)
  }

  async end(): Promise<Authentication> {
    const hashes = this.#parts.end()
    this.#bodyHash = hashes.get(SEALED_BODY)
    const spf = await this.#others.spf()
    if (this.#parts.isTooLarge) return unreadable(spf, 'header too large')
    await this.#headerDone
    const dkim = await this.#dkim(hashes)
    return { spf, dkim, arc: await this.#arcResult(), dmarc: await this.#dmarc(spf, dkim) }
  }

  async seal(key: SigningKey, results: string, now: WallMs): Promise<readonly string[]> {
    const { headers, status, chain, instance } = this.#sealable()
    if (headers === undefined || key.algorithm !== 'rsa') return []
    const seal = await createSeal(false, {
      headers,
      arc: { chain },
      seal: {
        i: instance + 1,
        cv: status,
        authResults: results,
        signTime: new Date(now),
        bodyHash: this.#bodyHash,
        signingDomain: key.domain,
        selector: key.selector,
        privateKey: key.privateKey,
        algorithm: 'rsa-sha256',
      },
    }).catch(() => ({ headers: [] }))
    return seal.headers.filter((field) => typeof field === 'string')
  }

  #sealable(): {
    readonly headers: ParsedHeaders | undefined
    readonly status: string
    readonly chain: unknown
    readonly instance: number
  } {
    const status = this.#arc?.status.result ?? 'fail'
    const isWhole = status === 'none' || status === 'pass'
    return {
      headers: isWhole && this.#bodyHash !== undefined ? this.#header : undefined,
      status,
      chain: this.#verifier.arc.chain,
      instance: this.#arc?.i || 0,
    }
  }

  #onHeader(header: ParsedHeaders): Iterable<BodyHashName> {
    this.#header = header
    const verifier = this.#verifier
    // All of it happens at once, though a promise tells of it.
    this.#headerDone = verifier.messageHeaders(header).catch((error: unknown) => {
      this.#failure = error
    })
    const wanted = new Set<BodyHashName>([SEALED_BODY])
    const kept = verifier.signatureHeaders.filter((signature) => this.#isLookedAt(signature))
    for (const { bodyHashKey } of kept) wanted.add(nameOfHash(bodyHashKey ?? ''))
    verifier.signatureHeaders = kept
    return wanted
  }

  #isLookedAt(signature: SignatureHeader): boolean {
    const { type, skip, parsed } = signature
    // The seal is looked at by `arc`.
    if (type === 'AS') return false
    if (type === 'ARC') return !skip
    const reason = this.#objectionTo(signature)
    if (reason === undefined) return true
    // One for all, so that their number is no load.
    if (!this.#passedOver.some((one) => one.reason === reason)) {
      const domain = parsed?.['d']?.value
      this.#passedOver.push({
        result: 'policy',
        reason,
        ...(domain !== undefined && domain !== '' && { domain: String(domain) }),
      })
    }
    return false
  }

  #objectionTo({ skip, parsed }: SignatureHeader): string | undefined {
    const algorithm = String(parsed?.['a']?.value ?? '').toLowerCase()
    // Whoever passes it on may add what they like. RFC 6376.
    if (parsed?.['l'] !== undefined) return 'body length limit'
    // RFC 8301.
    if (algorithm.endsWith('sha1')) return 'rsa-sha1'
    if (skip) return 'not understood'
    const names = String(parsed?.['h']?.value ?? '').split(':', SIGNED_FIELDS_MAX + 1)
    if (names.length > SIGNED_FIELDS_MAX) return 'too many fields'
    // Without a list the library would take its own.
    if (!names.some((name) => name.trim().toLowerCase() === 'from')) return 'author not signed'
    this.#lookedAt++
    return this.#lookedAt > SIGNATURES_MAX ? 'too many signatures' : undefined
  }

  async #dkim(hashes: ReadonlyMap<BodyHashName, string>): Promise<readonly DkimResult[]> {
    const verifier = this.#verifier
    try {
      if (this.#failure !== undefined) throw this.#failure
      verifier.bodyHashes.clear()
      for (const { bodyHashKey = '' } of verifier.signatureHeaders) {
        const hash = hashes.get(nameOfHash(bodyHashKey)) ?? ''
        verifier.bodyHashes.set(bodyHashKey, {
          digest: () => hash,
          getMimeStructureStart: () => undefined,
        })
      }
      await verifier.finalChunk()
    } catch {
      return [{ result: 'permerror', reason: 'not understood' }]
    }
    const signed = verifier.results.filter(({ status }) => status.result !== 'none')
    const results = [...signed.map(dkimResultOf), ...this.#passedOver]
    return results.length === 0 ? [{ result: 'none' }] : results
  }

  async #arcResult(): Promise<ArcResult> {
    try {
      const { arc: data } = this.#verifier
      this.#arc = await arc(data as ARCData, {
        resolver: this.#resolver as never,
        minBitLength: KEY_BITS_MIN,
      })
      const { result, comment } = this.#arc.status
      if (result === 'none' || result === 'pass') return { result }
      return { result: 'fail', ...(typeof comment === 'string' && { reason: comment }) }
    } catch {
      return { result: 'fail', reason: 'not understood' }
    }
  }

  async #dmarc(spf: SpfResult, dkim: readonly DkimResult[]): Promise<DmarcResult> {
    const fields = this.#header?.parsed.filter(({ key }) => /^(?:too-long-)?from$/.test(key ?? ''))
    if (fields?.length !== 1) {
      return { result: 'permerror', reason: fields?.length ? 'several From fields' : 'no author' }
    }
    return this.#others.dmarc(this.#verifier.headerFrom, spf, dkim)
  }
}

function nameOfHash(bodyHashKey: string): BodyHashName {
  const [canonicalization, algorithm] = bodyHashKey.split(':')
  return `${canonicalization === 'relaxed' ? 'relaxed' : 'simple'}:${algorithm === 'sha1' ? 'sha1' : 'sha256'}`
}

function dkimResultOf({
  status,
  signingDomain,
  selector,
  algo,
  signature,
}: SignatureResult): DkimResult {
  const comment =
    typeof status.comment === 'string' ? status.comment : status.policy?.['dkim-rules']
  const result = meaningOf(status.result, comment)
  return {
    result,
    ...(result !== 'pass' && comment !== undefined && { reason: comment }),
    ...(signingDomain !== undefined && { domain: signingDomain }),
    ...(selector !== undefined && { selector }),
    ...(algo !== undefined && { algorithm: algo }),
    ...(signature !== undefined && { signature: signature.slice(0, 8) }),
  }
}

/** The library says `neutral` of much for which RFC 8601 has a word of its own. */
function meaningOf(result: string, comment: string | undefined): DkimResult['result'] {
  switch (result) {
    case 'pass':
    case 'fail':
    case 'policy':
    case 'temperror':
      return result
    default:
      if (comment === 'body hash did not verify') return 'fail'
      return /key/.test(comment ?? '') ? 'permerror' : 'neutral'
  }
}

function unreadable(spf: SpfResult, reason: string): Authentication {
  return {
    spf,
    dkim: [{ result: 'permerror', reason }],
    arc: { result: 'fail', reason },
    dmarc: { result: 'permerror', reason },
  }
}
