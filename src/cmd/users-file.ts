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

/** The user's name as the host has it, in whatever case it is asked for; undefined where there is none. Throws a Fault. */
export function findUser(config: NodeConfig, configFile: string, user: string): string | undefined {
  const file = usersFileOf(config, configFile)
  const users = file === undefined ? (config.users ?? []) : readUsers(file)
  return users.find(({ name }) => name.toLowerCase() === user.toLowerCase())?.name
}

/** Of a user of a host: absolute. */
export function maildirOf(config: NodeConfig, configFile: string, user: string): string {
  return resolve(dirname(configFile), config.directory, 'home', user, 'Maildir')
}

/** None where the file is not there. Throws a Fault. */
export function readUsers(file: string): readonly Account[] {
  const parsed = parseUsers(readPrivateFile(file) ?? '', file)
  if (!parsed.ok) throw parsed.fault
  return parsed.value
}
