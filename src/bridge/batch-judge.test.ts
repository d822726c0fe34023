import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { ACCEPT, type Policy } from '../mail/policy/policy.ts'
import { PolicyChain } from '../mail/policy/policy-chain.ts'
import { judgeBatch } from './batch-judge.ts'

const RECIPIENT = { recipient: { localPart: 'user', domain: 'a.com' }, parameters: {} }

function judged(
  policies: readonly Policy[],
  ...body: readonly string[]
): ReturnType<typeof judgeBatch> {
  return judgeBatch(
    {
      id: 'T',
      queueId: 'Q',
      from: 'ipn:3.2525',
      mail: {
        helo: 'b.com',
        from: { reversePath: undefined, parameters: {} },
        recipients: [RECIPIENT],
        body: body.map(fromLatin1),
      },
      trace: fromLatin1('Received: here\r\n'),
    },
    {
      local: { knows: () => true },
      relays: () => false,
      policies: new PolicyChain(policies, () => {}),
    },
  )
}

test('a message passes through the filters of the policies, and their readers see what is left', async () => {
  let seen = ''
  const shout: Policy = {
    name: 'shout',
    filter: () => ({
      push: (bytes) => fromLatin1(toLatin1(bytes).toUpperCase()),
      end: () => fromLatin1('!\r\n'),
    }),
    reader: () => ({
      push: (bytes) => {
        seen += toLatin1(bytes)
      },
      end: async () => ACCEPT,
    }),
  }
  const { body, refused } = await judged([shout], 'Subject: x\r\n', '\r\nhello')
  expect(refused.size).toBe(0)
  expect(toLatin1(concat(...body))).toBe('SUBJECT: X\r\n\r\nHELLO!\r\n')
  expect(seen).toBe('Received: here\r\nSUBJECT: X\r\n\r\nHELLO!\r\n')
})

test('without one it stays as it is', async () => {
  const { body } = await judged([], 'Subject: x\r\n\r\n', 'hello')
  expect(toLatin1(concat(...body))).toBe('Subject: x\r\n\r\nhello')
})
