/** Which programs of this machine may hand mail in, and as whom. */

import { asFault } from '../base/fault.ts'
import type { LocalUsers } from '../ports/local-users.ts'
import { AUTHENTICATION_FAILED, type Reply } from '../proto/smtp/reply.ts'
import { PICKUP_SESSIONS_PER_USER_MAX } from './limits.ts'

export interface PickupOptions {
  /** Users of this machine, as the system names them. Default: whoever can connect. */
  readonly users?: readonly string[]
}

export class PickupAccess {
  readonly #options: PickupOptions
  readonly #socket: string
  readonly #localUsers: LocalUsers
  /** By session, who it has shown to be. */
  readonly #userOf = new Map<string, string>()
  /** One after the other: each may start a program. */
  #turn: Promise<unknown> = Promise.resolve()

  /** `socket`: the path at which they connect. */
  constructor(options: PickupOptions, socket: string, localUsers: LocalUsers) {
    this.#options = options
    this.#socket = socket
    this.#localUsers = localUsers
  }

  /** Undefined where `user` has shown to be who it says; else what it is told. */
  async identify(session: string, user: string): Promise<Reply | undefined> {
    const asked = this.#turn.then(() =>
      this.#localUsers.isOwner(session, this.#socket, user).catch((error) => {
        asFault(error)
        return undefined
      }),
    )
    this.#turn = asked
    const isOwner = await asked
    if (isOwner === undefined) return NOT_NOW
    if (!isOwner) return AUTHENTICATION_FAILED
    const ofUser = [...this.#userOf.values()].filter((other) => other === user).length
    if (ofUser >= PICKUP_SESSIONS_PER_USER_MAX) return TOO_MANY
    this.#userOf.set(session, user)
    return undefined
  }

  ended(session: string): void {
    this.#userOf.delete(session)
  }

  /** Why this user, or one of whom nothing is known, may hand nothing in. */
  objectionTo(user: string | undefined): Reply | undefined {
    const { users } = this.#options
    if (users === undefined || (user !== undefined && users.includes(user))) return undefined
    const who = user === undefined ? 'A user who is not known' : `User ${user}`
    return { code: 550, enhanced: '5.7.1', lines: [`${who} is not allowed to submit mail`] }
  }
}

const NOT_NOW: Reply = {
  code: 454,
  enhanced: '4.7.0',
  lines: ['Temporary authentication failure: cannot tell who it is'],
}

const TOO_MANY: Reply = {
  code: 454,
  enhanced: '4.7.0',
  lines: ['Temporary authentication failure: too many sessions of one user'],
}
