import { expect, test } from 'vitest'
import { Routes } from './routes.ts'

test('the way leads over the fewest links, and round what is not joined', () => {
  const routes = new Routes()
  routes.add('a', 'b')
  routes.add('b', 'c')
  routes.add('c', 'd')
  routes.add('a', 'e')
  routes.add('e', 'd')
  routes.add('x', 'y')
  expect(routes.next('a', 'b')).toBe('b')
  expect(routes.next('a', 'd')).toBe('e')
  expect(routes.next('d', 'a')).toBe('e')
  expect(routes.next('b', 'd')).toBe('c')
  expect(routes.next('a', 'y')).toBeUndefined()
  expect(routes.next('nowhere', 'a')).toBeUndefined()
})

test('a link that is added counts from then on', () => {
  const routes = new Routes()
  routes.add('a', 'b')
  expect(routes.next('a', 'c')).toBeUndefined()
  routes.add('b', 'c')
  expect(routes.next('a', 'c')).toBe('b')
})
