/** Two mail hosts as real processes, over the convergence layers that run on TCP. */

import { afterEach, expect, test } from 'vitest'
import { mailOf } from '../support/lab.ts'
import { ServedPair } from '../support/served.ts'

let pair: ServedPair | undefined

afterEach(() => pair?.dispose())

test.each([
  ['tcp', ''],
  ['tcp', '\n  versions: [3]'],
  ['stcp', ''],
  ['mtcp', ''],
])(
  'mail crosses over %s%s, also what was accepted while the other was down',
  async (protocol, more) => {
    pair = await ServedPair.make((text) =>
      text
        .replace(/^udp:\n(.*)$/m, `${protocol}:\n$1${more}`)
        .replace('protocol: udp', `protocol: ${protocol}`),
    )
    const [mail1, mail2] = pair.hosts
    await mail1.start()
    expect(await mail1.submit(mailOf('before'), 'mail-2.a.com')).toBe(true)
    const delivered = mail2.until((line) => line.includes('status=sent'))
    await mail2.start()
    await delivered
    const again = mail2.until((line) => line.includes('status=sent'))
    expect(await mail1.submit(mailOf('after'), 'mail-2.a.com')).toBe(true)
    await again
    expect(mail2.mails().map((mail) => /before|after/.exec(mail)?.[0])).toEqual(['before', 'after'])
    expect(await mail1.stop()).toBe(0)
    expect(await mail2.stop()).toBe(0)
  },
)
