/** `lightlag user …`: who has a mailbox on a host, and how they log in. */

import { dirname, resolve } from 'node:path'
import { hostDisk } from '../host/disk.ts'
import { hostEntropy } from '../host/entropy.ts'
import { claimDirectory } from '../host/lock.ts'
import { hostPasswords } from '../host/password.ts'
import { writePrivateFile } from '../host/private-file.ts'
import type { Account } from '../mail/accounts.ts'
import { APP_PASSWORDS_MAX } from '../mail/limits.ts'
import { maildirUsage } from '../mail/maildir-usage.ts'
import { NO_QUOTAS, quotaOf } from '../mail/quotas.ts'
import { formatUsers, isLabel, isUserName } from '../mail/user-file.ts'
import { EXIT, Failure } from './failure.ts'
import { makeFolder } from './files.ts'
import { readConfig } from './host-config.ts'
import { askPassword } from './password-prompt.ts'
import { readUsers, usersFileOf } from './users-file.ts'

export interface UserArguments {
  readonly config: string
}

export async function userAdd(name: string, { config }: UserArguments): Promise<void> {
  if (!isUserName(name)) {
    const expected = 'a name such as user, of letters, digits and ._+- after the first'
    throw new Failure(EXIT.usage, `${JSON.stringify(name)}: ${expected} would be right`)
  }
  const file = usersFile(config)
  expectAbsent(readUsers(file), name)
  const password = await askPassword(`Password of ${name}: `)
  const hashed = await hostPasswords().hash(password)
  await change(file, (accounts) => {
    expectAbsent(accounts, name)
    return [...accounts, { name, ...hashed, appPasswords: [] }]
  })
  print(`${name} can log in`)
}

export async function userPasswd(name: string, { config }: UserArguments): Promise<void> {
  const file = usersFile(config)
  requiredUser(readUsers(file), name)
  const password = await askPassword(`New password of ${name}: `)
  const hashed = await hostPasswords().hash(password)
  await changeUser(file, name, (account) => ({ ...account, ...hashed }))
  print(`${name} has a new password`)
}

/** The mailbox stays where it is. */
export async function userDel(name: string, { config }: UserArguments): Promise<void> {
  await change(usersFile(config), (accounts) => {
    const gone = requiredUser(accounts, name)
    return accounts.filter((account) => account !== gone)
  })
  print(`${name} can log in no more, and gets no mail; what there is in the mailbox stays`)
}

export function userList({ config, json }: UserArguments & { readonly json?: true }): void {
  const accounts = readUsers(usersFile(config)).map(({ name, scram, appPasswords }) => ({
    name,
    scram: scram !== undefined,
    appPasswords: appPasswords.map(({ label }) => label),
  }))
  if (json) print(JSON.stringify(accounts, undefined, 2))
  else {
    for (const { name, appPasswords } of accounts) print([name, ...appPasswords].join('\t'))
  }
}

/** What each user has and may have. */
export async function userQuota({
  config: file,
  json,
}: UserArguments & { readonly json?: true }): Promise<void> {
  const config = readConfig(file)
  const { quotas = NO_QUOTAS } = config
  const list = usersFileOf(config, file)
  const users = list === undefined ? (config.users ?? []) : readUsers(list)
  const homes = resolve(dirname(file), config.directory, 'home')
  const all = []
  for (const { name } of users) {
    const usage = await maildirUsage(hostDisk, `${homes}/${name}/Maildir`)
    all.push({ name, ...usage, ...quotaOf(quotas, name) })
  }
  if (json) return print(JSON.stringify(all, undefined, 2))
  for (const { name, usedBytes, usedMessages, bytesMax, messagesMax } of all) {
    const bytes = `${usedBytes}${bytesMax === undefined ? '' : ` of ${bytesMax}`} bytes`
    const messages = `${usedMessages}${messagesMax === undefined ? '' : ` of ${messagesMax}`} messages`
    print([name, bytes, messages].join('\t'))
  }
}

export async function appPasswordAdd(
  name: string,
  label: string,
  { config }: UserArguments,
): Promise<void> {
  if (!isLabel(label)) {
    const expected = 'a word such as phone, of letters, digits and ._- after the first'
    throw new Failure(EXIT.usage, `${JSON.stringify(label)}: ${expected} would be right`)
  }
  const file = usersFile(config)
  requiredUser(readUsers(file), name)
  const password = newAppPassword()
  const id = password.slice(0, APP_PASSWORD_ID_LENGTH)
  const { argon2 } = await hostPasswords().hash(password)
  await changeUser(file, name, (account) => {
    const { appPasswords } = account
    if (appPasswords.some((app) => app.label === label || app.id === id)) {
      throw new Failure(EXIT.failed, `${name} has an app password ${label} already`)
    }
    if (appPasswords.length >= APP_PASSWORDS_MAX) {
      throw new Failure(EXIT.failed, `${name} has ${APP_PASSWORDS_MAX} app passwords already`)
    }
    return { ...account, appPasswords: [...appPasswords, { label, id, argon2 }] }
  })
  process.stderr.write(`The app password ${label} of ${name}; it is not shown again:\n`)
  print(password)
}

export async function appPasswordDel(
  name: string,
  label: string,
  { config }: UserArguments,
): Promise<void> {
  await changeUser(usersFile(config), name, (account) => {
    const appPasswords = account.appPasswords.filter((app) => app.label !== label)
    if (appPasswords.length === account.appPasswords.length) {
      throw new Failure(EXIT.failed, `${name} has no app password ${label}`)
    }
    return { ...account, appPasswords }
  })
  print(`${name} can log in no more by ${label}`)
}

export function appPasswordList(name: string, { config }: UserArguments): void {
  for (const { label } of requiredUser(readUsers(usersFile(config)), name).appPasswords)
    print(label)
}

function usersFile(configFile: string): string {
  const config = readConfig(configFile)
  const file = usersFileOf(config, configFile)
  if (file !== undefined) return file
  const message = `${configFile} has users of its own: without "users:", or with "users: FILE", would be right`
  throw new Failure(EXIT.usage, message)
}

/** One at a time, so that none undoes what another has done. */
async function change(
  file: string,
  changed: (accounts: readonly Account[]) => readonly Account[],
): Promise<void> {
  makeFolder(dirname(file), 0o700)
  const release = await claimDirectory(dirname(file))
  if (release === undefined) {
    throw new Failure(EXIT.failed, `${file} is being changed by another program: try again`)
  }
  try {
    writePrivateFile(file, formatUsers(changed(readUsers(file))))
  } finally {
    release()
  }
}

function changeUser(
  file: string,
  name: string,
  changed: (account: Account) => Account,
): Promise<void> {
  return change(file, (accounts) => {
    const one = requiredUser(accounts, name)
    return accounts.map((account) => (account === one ? changed(account) : account))
  })
}

function requiredUser(accounts: readonly Account[], name: string): Account {
  const account = find(accounts, name)
  if (account === undefined) throw new Failure(EXIT.failed, `there is no user ${name}`)
  return account
}

function expectAbsent(accounts: readonly Account[], name: string): void {
  if (find(accounts, name) === undefined) return
  throw new Failure(EXIT.failed, `there is a user ${name} already: "passwd" would be right`)
}

function find(accounts: readonly Account[], name: string): Account | undefined {
  return accounts.find((account) => account.name.toLowerCase() === name.toLowerCase())
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'
const APP_PASSWORD_ID_LENGTH = 4

/** `ab2c-de3f-…`: 20 bits of name and 100 bits of secret. */
function newAppPassword(): string {
  const bytes = hostEntropy.bytes(24)
  const letters = [...bytes].map((byte) => LETTERS[byte % LETTERS.length])
  return letters.join('').replace(/.{4}(?=.)/g, '$&-')
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
