import { expect, test } from 'vitest'
import { Fault } from '../base/fault.ts'
import { monoMs } from '../base/time.ts'
import { World } from '../lab/world.ts'
import {
  LOGIN_ATTEMPTS_WAITING_MAX,
  LOGIN_FAILURE_DELAY_MS,
  LOGIN_FAILURE_DELAYS_MAX,
  LOGIN_FAILURES_KEPT_MS,
  LOGIN_PEERS_MAX,
} from './limits.ts'
import { LoginAttempts } from './login-attempts.ts'

const PEER = '172.21.0.4'

class Door {
  readonly world: World = new World({
    settle: () => new Promise((resolve) => setImmediate(resolve)),
  })
  readonly logins: LoginAttempts = new LoginAttempts(this.world)
  readonly looked: string[] = []
  readonly answers: string[] = []

  /** Somebody tries; what they hear goes into `answers` with its time. */
  try(password: string, peer: string = PEER): void {
    const verify = async (): Promise<true | undefined> => {
      this.looked.push(`${this.world.now()} ${password}`)
      return password === 'right' ? true : undefined
    }
    void this.logins.attempt(peer, verify).then((found) => {
      const answer = found === 'not-now' ? found : found ? 'in' : 'out'
      this.answers.push(`${this.world.now()} ${password} ${answer}`)
    })
  }

  async until(ms: number): Promise<void> {
    await this.world.run(monoMs(ms))
  }
}

test('a wrong password is answered a second later each time, and the next is not looked at before', async () => {
  const door = new Door()
  for (const password of ['a', 'b', 'right', 'c']) door.try(password)
  await door.until(10_000)
  expect(door.looked).toEqual(['0 a', '1000 b', '3000 right', '3000 c'])
  expect(door.answers).toEqual(['1000 a out', '3000 b out', '3000 right in', '6000 c out'])
})

test('another peer has nothing to do with it, but another address of the same IPv6 network has', async () => {
  const door = new Door()
  door.try('a')
  door.try('right', '172.21.0.5')
  door.try('b', '2001:db8::1')
  door.try('c', '2001:db8::2:0:0:1')
  door.try('d', '2001:db8:0:1::1')
  await door.until(10_000)
  expect(door.looked).toEqual(['0 a', '0 right', '0 b', '0 d', '1000 c'])
})

test('the answer never takes longer than its bound, and failures are forgotten in the end', async () => {
  const door = new Door()
  let now = 0
  for (let failures = 1; failures <= LOGIN_FAILURE_DELAYS_MAX + 2; failures++) {
    door.try(`${failures}`)
    now += LOGIN_FAILURE_DELAY_MS * Math.min(failures, LOGIN_FAILURE_DELAYS_MAX)
    await door.until(now)
    expect(door.answers.at(-1)).toBe(`${now} ${failures} out`)
  }
  now += LOGIN_FAILURES_KEPT_MS
  await door.until(now)
  door.try('late')
  await door.until(now + LOGIN_FAILURE_DELAY_MS)
  expect(door.answers.at(-1)).toBe(`${now + LOGIN_FAILURE_DELAY_MS} late out`)
})

test('of the attempts of one peer no more wait than their bound', async () => {
  const door = new Door()
  for (let i = 0; i < LOGIN_ATTEMPTS_WAITING_MAX + 2; i++) door.try(`${i}`)
  await door.until(0)
  expect(door.answers).toEqual([`0 ${LOGIN_ATTEMPTS_WAITING_MAX + 1} not-now`])
})

test('of more peers than the bound the ones that failed first are forgotten', async () => {
  const door = new Door()
  for (let i = 0; i <= LOGIN_PEERS_MAX; i++) door.try('a', `peer ${i}`)
  await door.until(1000)
  door.try('z', 'peer x')
  await door.until(2000)
  for (const peer of ['peer 0', `peer ${LOGIN_PEERS_MAX}`]) door.try(peer, peer)
  await door.until(10_000)
  expect(door.answers.slice(-3)).toEqual([
    '2000 z out',
    '3000 peer 0 out',
    `4000 peer ${LOGIN_PEERS_MAX} out`,
  ])
})

test('nobody waits any more after a stop, and no more passwords are looked at', async () => {
  const door = new Door()
  for (const password of ['a', 'right']) door.try(password)
  await door.until(500)
  door.logins.stop()
  door.try('right')
  await door.until(500)
  expect(door.answers).toEqual(['500 a out', '500 right not-now', '500 right not-now'])
  expect(door.looked).toEqual(['0 a'])
})

test('what cannot be told now counts as no failure', async () => {
  const door = new Door()
  const busy = new Fault('test/busy', 'too many passwords', { temporary: true })
  expect(await door.logins.attempt(PEER, () => Promise.reject(busy))).toBe('not-now')
  door.try('a')
  await door.until(10_000)
  expect(door.answers).toEqual(['1000 a out'])
})
