import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { fromLatin1 } from '../../src/base/bytes.ts'
import type { Scenario } from '../../src/config/scenario.ts'
import { runDemo } from '../../src/lab/demo.ts'
import { earthMoon, mailOf } from '../support/lab.ts'

async function printed(scenario: Scenario, message = mailOf('Hello')): Promise<string> {
  const lines: string[] = []
  await runDemo({
    scenario,
    message: fromLatin1(message),
    settle: () => setImmediate(),
    print: (line) => lines.push(line),
  })
  return lines.join('\n')
}

test('the demo tells both deliveries, draws the exchange and sums it up', async () => {
  const text = await printed(earthMoon())
  expect(
    text.match(/delivered to <user@mail-[12]\.a\.com>: \/home\/user\/Maildir\/new\//g),
  ).toHaveLength(2)
  expect(text.match(/fetched over POP3/g)).toHaveLength(2)
  expect(text).toContain('\nsequenceDiagram\n')
  expect(text).toMatch(/round trips until delivered/)
  expect(text).not.toContain('123456')
})

test('with one seed the demo prints the same, to the letter', async () => {
  expect(await printed(earthMoon({ seed: 5, loss: 0.3 }))).toBe(
    await printed(earthMoon({ seed: 5, loss: 0.3 })),
  )
})

test('the demo carries a mail with dots, eight-bit text and long lines unchanged', async () => {
  const message = readFileSync('examples/hello.eml', 'latin1').replace(/\r?\n/g, '\r\n')
  const text = await printed(
    earthMoon({ oneWayDelayMs: 0 }),
    `${message}.\r\n..\r\n${'x'.repeat(5000)}\r\n`,
  )
  expect(text).toContain('are the message as it was sent')
})

test('a mail that cannot be submitted ends the demo with the reason', async () => {
  await expect(printed(earthMoon(), 'Subject: bare\r\n\r\none\rtwo\r\n')).rejects.toThrow('550')
})

test('a link that carries nothing ends the demo with the reason', async () => {
  await expect(printed(earthMoon({ loss: 1, giveUpAfterMs: 86_400_000 }))).rejects.toThrow(
    'no answer from ipn:3.2525 in its lifetime',
  )
})
