import fc from 'fast-check'
import { expect, test } from 'vitest'
import { formatNetem, parseNetem } from './netem.ts'

function read(words: string): string {
  const parsed = parseNetem(words.split(' '))
  switch (parsed.type) {
    case 'netem':
      return formatNetem(parsed.options)
    case 'wrong':
      return parsed.message
    case 'incomplete':
      return 'incomplete'
  }
}

test.each([
  ['delay 500ms', 'limit 1000 delay 500ms'],
  ['delay 0ms', 'limit 1000'],
  ['delay 1s 20ms distribution normal', 'limit 1000 delay 1s  20ms'],
  ['delay 1500', 'limit 1000 delay 1.5ms'],
  ['latency 100us', 'limit 1000 delay 100us'],
  ['delay 1234ms 10ms 0% loss random 10%', 'limit 1000 delay 1.23s  10ms loss 10%'],
  ['loss 0.3 limit 20', 'limit 20 loss 0.3%'],
  ['loss gemodel 1% 10%', 'limit 1000 loss gemodel p 1% r 10% 1-h 100% 1-k 0%'],
  ['drop gemodel 1% 10% 70% 0.1%', 'limit 1000 loss gemodel p 1% r 10% 1-h 70% 1-k 0.1%'],
  [
    'delay 10ms duplicate 1% reorder 25% 0 corrupt 0.1%',
    'limit 1000 delay 10ms duplicate 1% reorder 25% corrupt 0.1%',
  ],
  ['delay 100ms 10ms 25%', 'limit 1000 delay 100ms  10ms 25%'],
  ['delay 1s 1ms 5% distribution paretonormal', 'limit 1000 delay 1s  1ms 5%'],
  [
    'loss 0.3% 25% duplicate 1% 2% corrupt 3% 4% delay 1s reorder 25% 50%',
    'limit 1000 delay 1s loss 0.3% 25% duplicate 1% 2% reorder 25% 50% corrupt 3% 4%',
  ],
  ['rate 1mbit', 'limit 1000 rate 1Mbit'],
  ['rate 1500kbit', 'limit 1000 rate 1500Kbit'],
  ['rate 1mbps', 'limit 1000 rate 8Mbit'],
])('netem %s is shown as %s', (words, shown) => {
  expect(read(words)).toBe(shown)
})

test.each([
  ['delay', 'incomplete'],
  ['loss gemodel', 'incomplete'],
  ['delay 5q', 'Illegal "latency"'],
  ['delay -5ms', 'Illegal "latency"'],
  ['delay 300s', 'Illegal "latency"'],
  ['loss 200%', 'Illegal "loss percent"'],
  ['loss abc', 'Unknown loss parameter: abc'],
  ['loss state 1%', 'netem: loss state is not in the lab: gemodel is'],
  ['corrupt 101%', 'Illegal "corrupt"'],
  ['duplicate x', 'Illegal "duplicate"'],
  ['limit x', 'Illegal "limit"'],
  ['rate 5xbit', 'Illegal "rate"'],
  ['rate 1mbit 20', 'netem: packet overhead is not in the lab'],
  ['foo', 'What is "foo"?'],
  ['ecn', 'netem: ecn is not in the lab'],
  ['reorder 5%', 'reordering not possible without specifying some delay'],
  ['distribution normal', 'distribution specified but no latency and jitter values'],
  [
    'delay 1ms 1ms distribution no',
    'No distribution data for no: uniform, normal, pareto, paretonormal are there',
  ],
  ['delay 10ms 1ms 125%', 'Illegal "latency"'],
  ['loss 1% 101%', 'Illegal "loss correllation"'],
])('netem %s is answered: %s', (words, message) => {
  expect(read(words)).toBe(message)
})

test('of any words is understood, or answered', () => {
  const word = fc.constantFrom(
    ...'delay loss gemodel random limit rate reorder duplicate corrupt distribution normal'.split(
      ' ',
    ),
    ...'10ms 5% 0 1mbit 99999999999 -1 x'.split(' '),
    '',
  )
  fc.assert(fc.property(fc.array(word, { maxLength: 8 }), (words) => void parseNetem(words)))
})

test('what is shown means the same when it is typed', () => {
  const share = fc.integer({ min: 1, max: 100 }).map((percent) => `${percent}%`)
  const part = fc.oneof(
    fc
      .tuple(fc.constantFrom('loss', 'duplicate', 'corrupt'), share)
      .map((words) => words.join(' ')),
    fc.integer({ min: 1, max: 999 }).map((ms) => `delay ${ms}ms ${ms}us`),
    fc.integer({ min: 1, max: 999 }).map((kbit) => `rate ${kbit}kbit`),
  )
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), (parts) => {
      const shown = read(parts.join(' '))
      expect(read(shown.replace(/ {2}/g, ' '))).toBe(shown)
    }),
  )
})
