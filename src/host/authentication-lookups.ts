/** Questions of mailauth, asked through our port within a budget for each message. */

import { domainToASCII } from 'node:url'
import { Fault } from '../base/fault.ts'
import { addMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import type { Dns } from '../ports/dns.ts'

/** As `dns.promises.resolve`. */
export type Resolver = (name: string, type: string) => Promise<unknown[]>

/**
 * SPF alone may ask ten times ten questions (RFC 7208), eight signatures and fifty seals one each;
 * nobody honest comes near.
 */
const QUESTIONS_MAX = 150

/** After so long no more is asked: a client waits minutes for its answer, but not for ever. */
const ASKING_MS_MAX = 20_000

/** For one message. */
export function resolverOf(dns: Dns, clock: Clock): Resolver {
  let asked = 0
  const until = addMs(clock.now(), ASKING_MS_MAX)
  return async (name, type) => {
    asked++
    if (asked > QUESTIONS_MAX || clock.now() > until) throw failure('ETIMEOUT')
    try {
      return await answer(dns, domainToASCII(name) || name, type)
    } catch (error) {
      throw failure(error instanceof Fault ? errnoOf(error) : 'ESERVFAIL')
    }
  }
}

async function answer(dns: Dns, name: string, type: string): Promise<unknown[]> {
  switch (type) {
    case 'TXT':
      return (await dns.resolveTxt(name)).records.map((text) => [text])
    case 'MX':
      return (await dns.resolveMx(name)).records.map(({ preference, exchange }) => ({
        priority: preference,
        exchange,
      }))
    case 'A':
      return [...(await dns.resolveA(name)).records]
    case 'AAAA':
      return [...(await dns.resolveAaaa(name)).records]
    case 'PTR':
      return [...(await dns.resolvePtr(name)).records]
    default:
      throw failure('ENOTFOUND')
  }
}

/** The library decides by the codes of Node. */
function errnoOf({ code }: Fault): string {
  switch (code) {
    case 'dns/not-found':
      return 'ENOTFOUND'
    case 'dns/timed-out':
      return 'ETIMEOUT'
    default:
      return 'ESERVFAIL'
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}
