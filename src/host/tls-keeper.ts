import { rootCertificates } from 'node:tls'
import type { CertificateNames } from '../base/tls.ts'
import type { TlsIdentity, TlsTrust } from '../ports/tls.ts'
import {
  authorityFiles,
  type CertificateFiles,
  type ExpiryWarning,
  ensureCertificate,
  expectCurrent,
  expiryWarning,
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

const DAY_MS = 86_400_000

interface Contents {
  readonly file: string
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
  #warned: { readonly kind: ExpiryWarning['kind']; readonly at: number } | undefined

  /**
   * `now` is milliseconds since 1970. Throws a Fault where the files cannot be used. A certificate that
   * is out of date can: a host that does not start for it serves nobody, and others need not look at it.
   */
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
    const read = this.#read()
    if (JSON.stringify(read) === JSON.stringify(this.#inUse)) return false
    const { material, authorities, file } = read
    expectCurrent(material.certificate, file, this.#now())
    this.#inUse = read
    this.#warned = undefined
    this.#identity.replace(material)
    if (authorities !== undefined) {
      this.#trust?.replace(authorities)
      this.#mailTrust?.replace(withSystem(authorities))
    }
    return true
  }

  /** What is wrong with the certificate in use, or soon will be: at once, and then once a day. */
  warning(): string | undefined {
    const { material, file } = this.#inUse
    const now = this.#now()
    const warning = expiryWarning(material.certificate, file, now)
    const last = this.#warned
    // A clock that was set back must not keep it quiet.
    const isToldToday = last !== undefined && Math.abs(now - last.at) < DAY_MS
    if (warning === undefined || (isToldToday && last.kind === warning.kind)) return undefined
    this.#warned = { kind: warning.kind, at: now }
    return warning.text
  }

  #read(): Contents {
    const { identity, authority, directory, names } = this.#files
    const now = this.#now()
    const files = identity ?? ensureCertificate(directory, names, now)
    const own = identity === undefined ? authorityFiles(directory).certificate : undefined
    const believed = authority ?? own
    return {
      file: files.certificate,
      material: readIdentity(files),
      authorities: believed === undefined ? undefined : readAuthorities(believed),
    }
  }
}

function withSystem(authorities: string): string {
  return [...rootCertificates, authorities].join('\n')
}
