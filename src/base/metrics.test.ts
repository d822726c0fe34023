import { expect, it } from 'vitest'
import { CounterFamily, formatMetrics, HistogramFamily } from './metrics.ts'

it('counters and histograms have a line for each set of labels', () => {
  const mails = new CounterFamily()
  mails.add({ route: 'local' })
  mails.add({ route: 'a "quoted"\n\\ one' }, 3)
  mails.add({ route: 'local' })
  const delays = new HistogramFamily([0.5, 1])
  for (const value of [0.25, 0.5, 1, 4]) delays.add({}, value)
  expect(
    formatMetrics([mails.metric('mails_total', 'Mails.'), delays.metric('delay', 'Delays.')]),
  ).toBe(
    [
      '# HELP mails_total Mails.',
      '# TYPE mails_total counter',
      'mails_total{route="local"} 2',
      'mails_total{route="a \\"quoted\\"\\n\\\\ one"} 3',
      '# HELP delay Delays.',
      '# TYPE delay histogram',
      'delay_bucket{le="0.5"} 2',
      'delay_bucket{le="1"} 3',
      'delay_bucket{le="+Inf"} 4',
      'delay_sum 5.75',
      'delay_count 4',
      '',
    ].join('\n'),
  )
})
