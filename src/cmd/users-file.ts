import { dirname, join, resolve } from 'node:path'
import type { NodeConfig } from '../config/node-config.ts'
import { readPrivateFile } from '../host/private-file.ts'
import type { Account } from '../mail/accounts.ts'
import { parseUsers } from '../mail/user-file.ts'

/** Where a host's users are; undefined where its file has them itself. */
export function usersFileOf(config: NodeConfig, configFile: string): string | undefined {
  const from = dirname(configFile)
  if (config.users !== undefined) return undefined
  return config.usersFile === undefined
    ? join(resolve(from, config.directory), 'users')
    : resolve(from, config.usersFile)
}

/** None where the file is not there. Throws a Fault. */
export function readUsers(file: string): readonly Account[] {
  const parsed = parseUsers(readPrivateFile(file) ?? '', file)
  if (!parsed.ok) throw parsed.fault
  return parsed.value
}
