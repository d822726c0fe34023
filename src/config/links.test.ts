import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { formatDuration } from '../base/quantity.ts'
import { HELD_KEPT_MS } from '../bridge/limits.ts'
import { type NodeConfig, parseNodeConfig } from './node-config.ts'

const SAMPLE = readFileSync('etc/mail-1.yaml', 'utf8')

function read(more: string): NodeConfig | string {
  const parsed = parseNodeConfig(`${SAMPLE}${more}`, 'mail-1.yaml')
  return parsed.ok ? parsed.value : parsed.fault.message
}

it('reads bounds, budgets and prices of a next hop', () => {
  const link =
    'messageSizeMax: 5MiB, holdBackAbove: 100KiB, budget: 10MiB/d, userBudget: 1MB/36h, pricePerMB: 4.20 EUR, pricePerSecond: 0.5 EUR'
  expect(read(`links: { bp:ipn:3.2525: { ${link} } }`)).toMatchObject({
    links: [
      {
        route: 'bp:ipn:3.2525',
        mailBytesMax: 5_242_880,
        holdBackAbove: 102_400,
        budget: { bytes: 10_485_760, periodMs: 86_400_000 },
        userBudget: { bytes: 1_000_000, periodMs: 129_600_000 },
        price: { currency: 'EUR', perMegabyte: 4.2, perSecond: 0.5 },
      },
    ],
  })
  expect(read('links: { bp:ipn:3.2525: { pricePerSecond: 1 USD } }')).toMatchObject({
    links: [{ route: 'bp:ipn:3.2525', price: { currency: 'USD', perMegabyte: 0, perSecond: 1 } }],
  })
  expect(read('heldBack: { keepFor: 7d, sizeMax: 1GiB }')).toMatchObject({
    heldBack: { keepMs: 7 * 86_400_000, bytesMax: 1_073_741_824 },
  })
})

it('says what would be right', () => {
  for (const [text, right] of [
    ['links: { smtp:b.com: {} }', 'a route such as bp:ipn:3.2525, carry:mail-2.a.com'],
    ['links: { carry:b.com: {} }', 'there is no peer b.com: one under peers'],
    ['links: { bp:ipn:9.2525: {} }', 'there is no plan to ipn:9'],
    ['links: { bp:ipn:3.2525: {}, bp:ipn:0.3.2525: {} }', 'bp:ipn:3.2525 appears again: once'],
    ['links: { bp:ipn:3.2525: { budget: 10MiB } }', 'a size in a period such as 10MiB/d'],
    ['links: { bp:ipn:3.2525: { budget: 10MiB/0h } }', 'a size in a period such as 10MiB/d'],
    ['links: { bp:ipn:3.2525: { holdBackAbove: 1000B } }', 'a size from 1KiB on'],
    ['heldBack: { sizeMax: 2GiB }', 'at most 30% of limits.storeSizeMax, 1288490188B'],
    ['heldBack: { keepFor: 0 }', 'a duration such as 30d'],
    ['domains: []\nlinks: { bp:ipn:3.2525: { holdBackAbove: 1MiB } }', 'one domain would be right'],
    [
      'links: { bp:ipn:3.2525: { holdBackAbove: 1MiB } }\nheldBack: { keepFor: 5d }',
      'may wait 5d for this route, and an attachment is kept 5d: a longer heldBack.keepFor',
    ],
    [
      'links: { bp:ipn:3.2525: { holdBackAbove: 1MiB } }\nretry: { routes: { bp:ipn:0.3.2525: { giveUpAfter: 40d } } }',
      `may wait 40d for this route, and an attachment is kept ${formatDuration(HELD_KEPT_MS)}: a longer`,
    ],
    ['links: { bp:ipn:3.2525: { pricePerMB: 4.20 } }', 'such as 4.20 EUR'],
    [
      'links: { bp:ipn:3.2525: { pricePerMB: 1 EUR, pricePerSecond: 1 USD } }',
      'pricePerSecond in USD, while pricePerMB is in EUR: one currency',
    ],
  ] as const) {
    const said = read(text)
    expect(said).toMatch(/^mail-1\.yaml:\d+:\d+: /)
    expect(said).toContain(right)
  }
})
