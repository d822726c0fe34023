import { expect, test } from 'vitest'
import { CHECKS, readTree } from './support/tidy.ts'

const tree = readTree('.')

test.each(Object.entries(CHECKS))('%s', (_, check) => {
  expect(check(tree)).toEqual([])
})
