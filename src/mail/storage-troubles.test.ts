import { expect, it } from 'vitest'
import { wrapped } from '../../test/support/mail-stage.ts'
import { bench, FAR, LOGIN, NEAR, spooled, TO_NEAR } from '../../test/support/smtp-bench.ts'
import { Fault } from '../base/fault.ts'

it.each([
  ['store/full', '452 4.3.1'],
  ['store/failed', '451 4.3.0'],
] as const)(
  'a store that answers %s is a reason to try later (%s), until it is well again',
  async (code, reply) => {
    let isIll = true
    const { stage, connect, say } = await bench(
      'submission',
      {},
      {
        remote: () => new Promise(() => {}),
        store: (store) => ({
          get: (table, key) => store.get(table, key),
          range: (table, range) => store.range(table, range),
          keys: (table, range) => store.keys(table, range),
          commit: (changes) =>
            isIll
              ? Promise.reject(new Fault(code, code, { temporary: true }))
              : store.commit(changes),
          close: () => store.close(),
        }),
      },
    )
    const stream = connect()
    const mail = [`MAIL FROM:<${NEAR}>`, `RCPT TO:<${FAR}>`, 'DATA']
    await say(stream, 'EHLO c', LOGIN, ...mail)
    expect((await say(stream, 'Hello', '.')).slice(0, 9)).toBe(reply)
    expect(spooled(stage)).toEqual([])
    isIll = false
    await say(stream, ...mail)
    expect(await say(stream, 'Hello', '.')).toMatch(/^250 /)
    expect(spooled(stage)).not.toEqual([])
  },
)

it('a mailbox that cannot be reached is a reason to try later (451 4.3.0), until it can be', async () => {
  const away = new Fault('disk/permission-denied', 'not mounted', { temporary: true })
  let isAway = true
  const { stage, connect, say } = await bench(
    'smtp',
    {},
    {
      disk: (disk) => ({
        ...wrapped(disk),
        makeDirectory: (path) => (isAway ? Promise.reject(away) : disk.makeDirectory(path)),
      }),
    },
  )
  const stream = connect()
  const [hello = '', ...transaction] = TO_NEAR
  await say(stream, hello)
  expect((await say(stream, ...transaction)).split('\r\n').at(-2)).toMatch(/^451 4\.3\.0 /)
  isAway = false
  await say(stream, 'RSET', ...transaction)
  expect(await say(stream, 'Hello', '.')).toMatch(/^250 /)
  expect(await stage.inbox('user')).toHaveLength(1)
})
