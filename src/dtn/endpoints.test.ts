import { expect, it } from 'vitest'
import { type EndpointId, ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import { Endpoints } from './endpoints.ts'

const OURS = ipnEndpoint(2n, 7n)
const THEIRS = ipnEndpoint(3n, 7n)
const GROUP: EndpointId = { scheme: 'dtn', ssp: '//all/~news' }

it('bundles are for every endpoint of the node, and for a group while it is joined', () => {
  const endpoints = new Endpoints({ node: 2n })
  expect([OURS, THEIRS, GROUP].map((one) => endpoints.isForUs(one))).toEqual([true, false, false])
  const group = endpoints.at(GROUP)
  expect(endpoints.isForUs(GROUP)).toBe(false)
  endpoints.setState(group, 'passive')
  expect(endpoints.isForUs(GROUP)).toBe(true)
  expect(endpoints.isOwn(GROUP)).toBe(false)
})

it('a registration is kept while it is open, declared, or waited for by a bundle', () => {
  const endpoints = new Endpoints({ node: 2n })
  const registration = endpoints.at(OURS)
  expect(endpoints.at(ipnEndpoint(2n, 7n))).toBe(registration)
  endpoints.setState(registration, 'active')
  expect([...endpoints.active]).toEqual([registration])
  endpoints.leave(registration)
  endpoints.setState(registration, 'closed')
  registration.isDeclared = true
  endpoints.leave(registration)
  registration.isDeclared = false
  registration.bundleCount = 1
  endpoints.leave(registration)
  expect([...endpoints.values()]).toEqual([registration])
  registration.bundleCount = 0
  endpoints.leave(registration)
  expect([[...endpoints.values()], [...endpoints.active]]).toEqual([[], []])
})
