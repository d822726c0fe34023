/** Passwords, which are known only by what they hash to. */

export interface Passwords {
  /** Rejects with a Fault where too many wait already. */
  hash(password: string): Promise<HashedPassword>
  /**
   * Whether `argon2` is of this password. Takes as long where there is no such user, which is
   * undefined. Rejects with a Fault where too many wait already, or where the hash is none.
   */
  verify(password: string, argon2: string | undefined): Promise<boolean>
}

export interface HashedPassword {
  /** Argon2id in the form `$argon2id$v=19$m=19456,t=2,p=1$salt$hash`. */
  readonly argon2: string
  /** Undefined in a world that has no SCRAM. */
  readonly scram?: ScramKeys
}

/** What a server of SCRAM-SHA-256 keeps of a password. RFC 5802 §3, RFC 7677 §3. */
export interface ScramKeys {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

export type PasswordFaultCode =
  /** More at once than the host takes. */
  | 'password/busy'
  /** What is kept is not a hash. */
  | 'password/malformed'
