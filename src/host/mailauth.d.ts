/** The parts of mailauth 4.13.3 that are used here and that it declares no types of. */

declare module 'mailauth/lib/tools.js' {
  export interface ParsedHeaders {
    readonly parsed: readonly { readonly key: string | undefined; readonly line: Buffer }[]
    readonly original: Buffer
  }
  export function parseHeaders(bytes: Buffer): ParsedHeaders
}

declare module 'mailauth/lib/dkim/body/index.js' {
  export function dkimBody(
    canonicalization: string,
    algorithm: string,
  ): { update(bytes: Buffer): void; digest(encoding: 'base64'): string }
}

declare module 'mailauth/lib/dkim/dkim-verifier.js' {
  import type { ParsedHeaders } from 'mailauth/lib/tools.js'

  export type Resolver = (name: string, type: string) => Promise<unknown[]>

  export interface Tag {
    readonly value?: string | number
  }

  export interface SignatureHeader {
    readonly type: 'DKIM' | 'ARC' | 'AS'
    readonly parsed?: Readonly<Record<string, Tag | undefined>>
    readonly bodyHashKey?: string
    skip?: boolean
  }

  export interface SignatureResult {
    readonly signingDomain?: string
    readonly selector?: string
    readonly algo?: string
    readonly signature?: string
    readonly id?: string
    readonly status: {
      readonly result: string
      readonly comment?: string | boolean
      readonly aligned?: string | boolean
      readonly policy?: Readonly<Record<string, string>>
    }
  }

  export interface BodyHasher {
    digest(encoding: string): string
    getMimeStructureStart(): undefined
  }

  export interface ArcData {
    readonly chain: false | readonly unknown[]
    readonly error?: Error
    readonly lastEntry?: unknown
  }

  export class DkimVerifier {
    constructor(options: {
      readonly resolver: Resolver
      readonly sender: string
      readonly minBitLength: number
      readonly curTime: Date
    })
    signatureHeaders: SignatureHeader[]
    readonly bodyHashes: Map<string, BodyHasher>
    readonly headerFrom: string[]
    readonly arc: ArcData
    readonly results: SignatureResult[]
    messageHeaders(headers: ParsedHeaders): Promise<void>
    finalChunk(): Promise<void>
  }
}

declare module 'mailauth/lib/dkim/dkim-signer.js' {
  import type { ParsedHeaders } from 'mailauth/lib/tools.js'

  export class DkimSigner {
    constructor(options: {
      readonly headers: ParsedHeaders
      readonly bodyHash: string
      readonly signTime: Date
      readonly signatureData: readonly {
        readonly signingDomain: string
        readonly selector: string
        readonly privateKey: string
      }[]
    })
    readonly signatureHeaders: string[]
    readonly errors: { readonly err: Error }[]
    finalize(): Promise<void>
  }
}
