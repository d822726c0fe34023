/**
 * Who runs a program on this machine. Node does not tell who connects to a local socket; but the
 * system says who owns a directory, and nobody makes one in another's name.
 */

import { fromUtf8, toHex } from '../base/bytes.ts'
import { sha256 } from '../base/sha256.ts'

export interface LocalUsers {
  /** Those who can do all that this host can: the machine's own, and the one who runs it. */
  readonly superusers: readonly string[]
  /**
   * Whether `user` of this machine has made the directory of `ownerDirectory` for this session.
   * Rejects with a Fault where it cannot be told now. `socket`: the path on which the session came.
   */
  isOwner(session: string, socket: string, user: string): Promise<boolean>
}

/** How a program shows whose it is. */
export interface OwnerDirectories {
  /** Of mode 0700, as `user`, who runs the program; false where it cannot be made. */
  make(directory: string, user: string): boolean
  remove(directory: string): void
}

/** Where anybody may make a directory, and nobody but its owner takes it away. */
const PLACE = '/tmp'
const NAME_BYTES = 16

/**
 * What a program makes, of mode 0700, to show whose it is in the session of this name. `socket` is the
 * path, without links, to which it connected: whoever stands in between with a socket of their own
 * cannot pass it on as theirs.
 */
export function ownerDirectory(session: string, socket: string): string {
  const name = sha256(fromUtf8(`${session} ${socket}`)).subarray(0, NAME_BYTES)
  return `${PLACE}/lightlag-owner-${toHex(name)}`
}

/** As the reply to EHLO names the session. */
export const OWNER_KEYWORD = 'XOWNER'
