/** Password hashes by argon2id, with the keys of SCRAM beside them. */

import { createHash, createHmac, pbkdf2, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { hash, verify } from '@node-rs/argon2'
import { Fault } from '../base/fault.ts'
import type { PasswordFaultCode, Passwords, ScramKeys } from '../ports/password.ts'

/** 19 MiB and two passes, the least that OWASP asks of argon2id; 20 to 30 ms on a core of today. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
/** RFC 7677 §4 asks for 4096 at least and tells of 15,000 as the rule of thumb. */
const SCRAM_ITERATIONS = 15_000
const SALT_BYTES = 16
const KEY_BYTES = 32

/** Hashes at once: each holds one of the four threads that the disk works with as well. */
const AT_ONCE_MAX = 2
/** At 25 ms each the last of them waits two seconds. */
const WAITING_MAX = 150

const derive = promisify(pbkdf2)

/** `limits` is for tests. */
export function hostPasswords(
  limits: { readonly atOnceMax: number; readonly waitingMax: number } = {
    atOnceMax: AT_ONCE_MAX,
    waitingMax: WAITING_MAX,
  },
): Passwords {
  const gate = new Gate(limits)
  // Of a password that nobody knows: what there is to compare with where there is no such user.
  let decoy: Promise<string> | undefined
  const anyHash = (): Promise<string> => {
    decoy ??= hash(randomBytes(SALT_BYTES), ARGON2)
    return decoy
  }
  return {
    hash: (password) =>
      gate.pass(async () => ({
        argon2: await hash(prepared(password), ARGON2),
        scram: await scramKeys(password),
      })),
    verify: async (password, argon2) => {
      const other = await anyHash()
      return gate.pass(async () => {
        const isRight = await compare(argon2 ?? other, prepared(password))
        return isRight && argon2 !== undefined
      })
    },
  }
}

async function compare(argon2: string, password: string): Promise<boolean> {
  try {
    return await verify(argon2, password)
  } catch (cause) {
    const message = 'what is kept of a password is not an argon2 hash'
    throw fault('password/malformed', message, false, cause)
  }
}

/** SaltedPassword, ClientKey, StoredKey and ServerKey. RFC 5802 §3. */
async function scramKeys(password: string): Promise<ScramKeys> {
  const salt = randomBytes(SALT_BYTES)
  const salted = await derive(prepared(password), salt, SCRAM_ITERATIONS, KEY_BYTES, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  return {
    salt: Uint8Array.from(salt),
    iterations: SCRAM_ITERATIONS,
    storedKey: Uint8Array.from(createHash('sha256').update(clientKey).digest()),
    serverKey: Uint8Array.from(createHmac('sha256', salted).update('Server Key').digest()),
  }
}

/** As clients type it, whatever way their keyboards compose it. RFC 4013 §2.1, §2.2. */
function prepared(password: string): string {
  return password.replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ').normalize('NFKC')
}

/** Lets so many through at once, has some wait, and turns away the others. */
class Gate {
  readonly #limits: { readonly atOnceMax: number; readonly waitingMax: number }
  readonly #waiting: (() => void)[] = []
  #inside = 0

  constructor(limits: { readonly atOnceMax: number; readonly waitingMax: number }) {
    this.#limits = limits
  }

  async pass<T>(work: () => Promise<T>): Promise<T> {
    const { atOnceMax, waitingMax } = this.#limits
    if (this.#inside < atOnceMax) this.#inside++
    else if (this.#waiting.length < waitingMax) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      throw fault('password/busy', `${waitingMax} passwords wait to be checked`, true)
    }
    try {
      return await work()
    } finally {
      // Whoever waits takes over the place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#inside--
      else next()
    }
  }
}

function fault(
  code: PasswordFaultCode,
  message: string,
  temporary: boolean,
  cause?: unknown,
): Fault<PasswordFaultCode> {
  return new Fault(code, message, { temporary, cause })
}
