import { expect, test } from 'vitest'
import { quotaOf } from '../mail/quotas.ts'
import { parseNodeConfig } from './node-config.ts'

function parsed(quota: string): ReturnType<typeof parseNodeConfig> {
  const head = 'host: m.a.com\ndirectory: d\nnode: ipn:2\n'
  return parseNodeConfig(`${head}quota: ${quota}\n`, 'node.yaml')
}

test('who is named has bounds of their own and no others, whoever writes the name how', () => {
  const host = parsed('{size: 1GiB, messages: 1000, users: {Ann: {size: 5GiB}, bob: {}}}')
  const quotas = host.ok ? host.value.quotas : undefined
  if (quotas === undefined) throw new Error('no quotas')
  expect(quotas.whenFull).toBe('refuse')
  expect(quotaOf(quotas, 'ann')).toEqual({ bytesMax: 5 * 2 ** 30 })
  expect(quotaOf(quotas, 'BOB')).toEqual({})
  expect(quotaOf(quotas, 'eve')).toEqual({ bytesMax: 2 ** 30, messagesMax: 1000 })
})

test('what is no bound is told with its place', () => {
  const problems = (quota: string): string => {
    const result = parsed(quota)
    return result.ok ? '' : result.fault.message
  }
  expect(problems('{size: 0}')).toMatch(/^node\.yaml:4:15: .*a size such as/)
  expect(problems('{messages: none}')).toMatch(/^node\.yaml:4:19: .*a whole number from 1 to/)
  expect(problems('{whenFull: bounce}')).toMatch(/refuse or defer would be right$/)
  expect(problems('{users: {ann: 5GiB}}')).toMatch(/a mapping with the keys size, messages/)
  expect(problems('{users: {ann: {}, Ann: {}}}')).toMatch(/user/)
})
