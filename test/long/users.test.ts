/** The users of a real process: `lightlag user …`, and logins while it runs. */

import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { mailOf } from '../support/lab.ts'
import { ServedPair } from '../support/served.ts'

let pair: ServedPair | undefined

afterEach(() => pair?.dispose())

interface Ran {
  readonly status: number | null
  readonly output: string
  readonly errors: string
}

/** Two hosts whose configuration names no users; and a command for the first. */
async function withoutUsers(): Promise<{
  readonly served: ServedPair
  readonly file: string
  readonly user: (words: string, input?: string) => Ran
}> {
  const served = await ServedPair.make((text) => text.replace(/^users: .*$/m, ''))
  pair = served
  const config = join(served.directory, 'mail-1.yaml')
  return {
    served,
    file: join(served.directory, 'mail-1/users'),
    user: (words, input = '') => {
      const args = ['dist/cmd/lightlag.js', 'user', ...words.split(' '), '--config', config]
      const { status, stdout, stderr } = spawnSync(process.execPath, args, {
        encoding: 'utf8',
        input,
      })
      return { status, output: stdout, errors: stderr }
    },
  }
}

test('who is added while a host runs can log in, and who is deleted cannot', async () => {
  const {
    served: {
      hosts: [mail1],
    },
    file,
    user,
  } = await withoutUsers()
  await mail1.start()
  expect(mail1.lines.join('\n')).toMatch(/users has nobody yet: "lightlag user add NAME/)
  expect(user('add user', '123456\n')).toMatchObject({ status: 0, output: 'user can log in\n' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).toMatch(/^user \$argon2id\$\S+ scram-sha-256:15000:/m)
  expect(readFileSync(file, 'utf8')).not.toContain('123456')
  const logsIn = (): Promise<boolean> => mail1.submit(mailOf('hello'), 'mail-1.a.com')
  await expect.poll(logsIn, { timeout: 120_000 }).toBe(true)
  expect(mail1.mails()).toHaveLength(1)

  const told = mail1.until((line) => /mode 600 would be right; what was before goes on/.test(line))
  chmodSync(file, 0o644)
  await told
  expect(await logsIn()).toBe(true)
  const malformed = mail1.until((line) => /users:1:6: user has no argon2id hash/.test(line))
  writeFileSync(file, 'user 123456\n')
  chmodSync(file, 0o600)
  await malformed
  expect(await logsIn()).toBe(true)

  writeFileSync(file, '')
  await expect.poll(logsIn, { timeout: 120_000 }).toBe(false)
  expect(await mail1.stop()).toBe(0)
})

test('users are added, changed, listed and deleted by commands that say what is wrong', async () => {
  const { file, user } = await withoutUsers()
  expect(user('list').output).toBe('')
  expect(user('add .ann', 'x\n')).toMatchObject({
    status: 2,
    errors: expect.stringContaining('would be right'),
  })
  expect(user('add ann', '\n')).toMatchObject({ status: 2 })
  expect(user('add ann', 'secret\n').status).toBe(0)
  expect(user('add Ann', 'secret\n').errors).toContain('there is a user Ann already')
  const before = readFileSync(file, 'utf8')
  expect(user('passwd ann', 'other\n').status).toBe(0)
  expect(readFileSync(file, 'utf8')).not.toBe(before)

  const made = user('app-password add ann phone')
  expect(made.output).toMatch(/^[a-z2-7]{4}(-[a-z2-7]{4}){5}\n$/)
  expect(readFileSync(file, 'utf8')).not.toContain(made.output.trim())
  expect(user('app-password add ann phone')).toMatchObject({ status: 1 })
  expect(user('app-password list ann').output).toBe('phone\n')
  expect(JSON.parse(user('list --json').output)).toEqual([
    { name: 'ann', scram: true, appPasswords: ['phone'] },
  ])
  expect(user('app-password del ann phone').status).toBe(0)
  expect(user('app-password del ann phone').errors).toBe('ann has no app password phone\n')

  chmodSync(file, 0o644)
  expect(user('list')).toMatchObject({
    status: 1,
    errors: expect.stringContaining('(mode 644): mode 600 would be right'),
  })
  chmodSync(file, 0o600)
  expect(user('del ann').status).toBe(0)
  expect(user('del ann')).toMatchObject({ status: 1, errors: 'there is no user ann\n' })
})

test('a host whose file of users cannot be read does not start, and says where it is wrong', async () => {
  const {
    served: {
      hosts: [mail1],
    },
    file,
    user,
  } = await withoutUsers()
  expect(user('add ann', 'secret\n').status).toBe(0)
  writeFileSync(file, '# nobody else\nann 123456\n')
  await expect(mail1.start()).rejects.toThrow(
    /^lightlag serve ended: lightlag serve: \S+users:2:5: ann has no argon2id hash here: "lightlag user passwd ann" would be right\n$/,
  )
})
