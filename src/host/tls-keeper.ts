import { rootCertificates } from 'node:tls'
import type { CertificateNames } from '../base/tls.ts'
import type { TlsIdentity, TlsTrust } from '../ports/tls.ts'
import {
  authorityFiles,
  type CertificateFiles,
  ensureCertificate,
  readAuthorities,
  readIdentity,
} from './certificate-files.ts'
import { type IdentityMaterial, makeIdentity, makeTrust, type Replaceable } from './tls.ts'

export interface TlsFiles {
  /** Default: one of our own authority, both made where they are not there. */
  readonly identity?: CertificateFiles | undefined
  /** Whose certificates are believed. Default: our own authority's, or with `identity` the system's. */
  readonly authority?: string | undefined
  /** Where our own are kept; it exists. */
  readonly directory: string
  readonly names: CertificateNames
}

interface Contents {
  readonly material: IdentityMaterial
  readonly authorities: string | undefined
}

/** A host's certificate and the authorities that it believes, taken from files again and again. */
export class TlsKeeper {
  readonly #files: TlsFiles
  readonly #now: () => number
  readonly #identity: Replaceable<TlsIdentity, IdentityMaterial>
  readonly #trust: Replaceable<TlsTrust, string> | undefined
  readonly #mailTrust: Replaceable<TlsTrust, string> | undefined
  #inUse: Contents

  /** `now` is milliseconds since 1970. Throws a Fault where the files cannot be used. */
  constructor(files: TlsFiles, now: () => number) {
    this.#files = files
    this.#now = now
    this.#inUse = this.#read()
    const { material, authorities } = this.#inUse
    this.#identity = makeIdentity(material)
    this.#trust = authorities === undefined ? undefined : makeTrust(authorities)
    this.#mailTrust = authorities === undefined ? undefined : makeTrust(withSystem(authorities))
  }

  get identity(): TlsIdentity {
    return this.#identity.handle
  }

  /** Undefined for the authorities of the system. */
  get trust(): TlsTrust | undefined {
    return this.#trust?.handle
  }

  /** The same and those of the system: of mail servers anywhere. */
  get mailTrust(): TlsTrust | undefined {
    return this.#mailTrust?.handle
  }

  /**
   * Takes what has changed in the files, and renews what is our own; handshakes from then on use it.
   * Answers whether anything has changed. Throws a Fault, and then all goes on with what there was.
   */
  reload(): boolean {
    const { material, authorities } = this.#read()
    const before = this.#inUse
    this.#inUse = { material, authorities }
    if (JSON.stringify(before) === JSON.stringify(this.#inUse)) return false
    this.#identity.replace(material)
    if (authorities !== undefined) {
      this.#trust?.replace(authorities)
      this.#mailTrust?.replace(withSystem(authorities))
    }
    return true
  }

  #read(): Contents {
    const { identity, authority, directory, names } = this.#files
    const now = this.#now()
    const files = identity ?? ensureCertificate(directory, names, now)
    const own = identity === undefined ? authorityFiles(directory).certificate : undefined
    const believed = authority ?? own
    return {
      material: readIdentity(files, now),
      authorities: believed === undefined ? undefined : readAuthorities(believed),
    }
  }
}

function withSystem(authorities: string): string {
  return [...rootCertificates, authorities].join('\n')
}
