import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { fromUtf8, toUtf8 } from '../../src/base/bytes.ts'
import { monoMs } from '../../src/base/time.ts'
import { encoded, LabDesk, type LabInput, type LabOutput } from '../../src/lab/desk.ts'
import { Lab } from '../../src/lab/lab.ts'
import {
  endOf,
  formatLine,
  parseRecording,
  placeOf,
  RECORDING_FORMAT,
  type RecordingEnd,
  replay,
} from '../../src/lab/recording.ts'
import { earthMoon } from '../support/lab.ts'

const HEAD = { format: RECORDING_FORMAT, version: '0', scenario: 'x', file: 'f', seed: 1 } as const

async function startLab(): Promise<Lab> {
  const lab = new Lab(earthMoon({ loss: 0.2 }), { settle: () => setImmediate(), onEvent: () => {} })
  await lab.start()
  return lab
}

/** Inputs at their times, by hand; the text of the recording, and what came out. */
async function drive(
  inputs: readonly (readonly [atMs: number, input: LabInput])[],
  endMs: number,
): Promise<{
  readonly text: string
  readonly outputs: readonly LabOutput[]
  readonly end: RecordingEnd
}> {
  const lab = await startLab()
  const outputs: LabOutput[] = []
  const desk = new LabDesk(lab, (output) => outputs.push(output))
  let text = formatLine(HEAD)
  for (const [atMs, input] of inputs) {
    await lab.world.run(monoMs(atMs))
    text += formatLine({ ...placeOf(lab), input })
    desk.apply(input)
  }
  await lab.world.run(monoMs(endMs))
  const end = endOf(lab)
  return { text: text + formatLine({ end }), outputs, end }
}

const SMTP = { host: '172.22.0.3', port: 25 }

const INPUTS: readonly (readonly [number, LabInput])[] = [
  [5, { type: 'exec', process: 0, host: 'mail-1.a.com', words: ['mail', 'user@mail-2.a.com'] }],
  [6, { type: 'type', process: 0, bytes: encoded(fromUtf8('Hello\n')) }],
  [6, { type: 'end-input', process: 0 }],
  [7.25, { type: 'connect', connection: 0, from: 'mail-1.a.com', to: SMTP }],
  [8, { type: 'send', connection: 0, bytes: encoded(fromUtf8('EHLO client.a.com\r\n')) }],
  [9, { type: 'set-link', between: ['earth', 'moon'], change: { lossShare: 0.5 } }],
  [4000, { type: 'power', host: 'mail-2.a.com', action: 'kill' }],
  [9000, { type: 'power', host: 'mail-2.a.com', action: 'start' }],
  [
    20_000,
    { type: 'set-link', between: ['moon', 'earth'], oneWay: true, change: { lossShare: 0 } },
  ],
  [30_000, { type: 'abort', connection: 0 }],
]

test('a lab driven by hand is played again to the same capture', async () => {
  const { text, end } = await drive(INPUTS, 300_000)
  const parsed = parseRecording(text, 'f')
  if (!parsed.ok) throw parsed.fault
  expect(await replay(await startLab(), parsed.value)).toEqual(end)
})

test('what another run recorded is not taken for this one', async () => {
  const { text } = await drive(INPUTS, 300_000)
  const parsed = parseRecording(text.replace('"lossShare":0.5', '"lossShare":0.4'), 'f')
  if (!parsed.ok) throw parsed.fault
  await expect(replay(await startLab(), parsed.value)).rejects.toMatchObject({
    code: 'lab/diverged',
  })
})

test('of a recording without its end as much is played as there is', async () => {
  const { text } = await drive(INPUTS, 30_500)
  const cut = `${text.slice(0, text.lastIndexOf('{"end"'))}{"events":12,"a`
  const parsed = parseRecording(cut, 'f')
  if (!parsed.ok) throw parsed.fault
  expect(parsed.value.end).toBeUndefined()
  expect(parsed.value.inputs).toHaveLength(INPUTS.length)
  expect((await replay(await startLab(), parsed.value)).at).toBe(30_000)
})

test.each([
  ['', 'f:1: no recording of this version: "lightlag lab up --record" makes one'],
  ['{"a":1}\n', 'f:1: no recording of this version: "lightlag lab up --record" makes one'],
  [`${formatLine(HEAD)}nonsense\n`, 'f:2: no JSON: a line of a recording would be right'],
  [`${formatLine(HEAD)}[]\n`, 'f:2: neither an input nor the end of a recording'],
])('what is no recording is refused: %j', (text, message) => {
  const parsed = parseRecording(text, 'f')
  expect(parsed.ok ? '' : parsed.fault.message).toBe(message)
})

test('a connection from outside is one in the lab, with its delay and its end', async () => {
  const { outputs } = await drive(
    [
      [0, { type: 'connect', connection: 7, from: 'mail-1.a.com', to: SMTP }],
      [1, { type: 'send', connection: 7, bytes: encoded(fromUtf8('QUIT\r\n')) }],
    ],
    600_000,
  )
  const heard = outputs.flatMap((output) =>
    output.type === 'received' ? [toUtf8(output.bytes)] : [],
  )
  expect(heard.join('')).toMatch(/^220 mail-2\.a\.com .*\r\n221 .*\r\n$/)
  expect(outputs.at(-1)).toEqual({ type: 'closed', connection: 7, fault: undefined })
})

test('a connection whose program says nothing more hears the answers that are on their way', async () => {
  const { outputs } = await drive(
    [
      [0, { type: 'connect', connection: 7, from: 'mail-1.a.com', to: SMTP }],
      [1, { type: 'send', connection: 7, bytes: encoded(fromUtf8('EHLO a.com\r\n')) }],
      [2, { type: 'end', connection: 7 }],
      [3, { type: 'send', connection: 7, bytes: encoded(fromUtf8('too late\r\n')) }],
    ],
    600_000,
  )
  const heard = outputs.flatMap((output) =>
    output.type === 'received' ? [toUtf8(output.bytes)] : [],
  )
  expect(heard.join('')).toMatch(/^220 .*\r\n250-mail-2.a.com\r\n(?:250.*\r\n)+$/)
  expect(outputs.at(-1)).toEqual({ type: 'closed', connection: 7, fault: undefined })
})

test('a connection to where nobody listens is told as refused', async () => {
  const to = { host: '172.22.0.3', port: 1 }
  const { outputs } = await drive(
    [[0, { type: 'connect', connection: 1, from: 'mail-1.a.com', to }]],
    60_000,
  )
  expect(outputs).toMatchObject([{ type: 'closed', fault: { code: 'network/refused' } }])
})

test('a process that is killed, and one on a host without power, ends', async () => {
  const host = 'mail-1.a.com'
  const { outputs } = await drive(
    [
      [0, { type: 'exec', process: 1, host, words: ['bpsink', 'ipn:2.1'] }],
      [10, { type: 'kill', process: 1 }],
      [20, { type: 'power', host, action: 'wipe' }],
      [30, { type: 'exec', process: 2, host, words: ['ls'] }],
      [40, { type: 'type', process: 99, bytes: '' }],
    ],
    100,
  )
  expect(outputs.filter(({ type }) => type === 'ended')).toEqual([
    { type: 'ended', process: 1, status: 137 },
    { type: 'ended', process: 2, status: 126 },
  ])
})
