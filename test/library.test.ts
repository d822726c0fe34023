import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const HELLO =
  '9f89070002820282020282028203028202820304821b000000c59be9d9ac1923c119ea604402e5168c85010101004a54303320637263333263ff'

test('lightlag/bpv7, as it is built, runs where there is no Node', () => {
  const output = execFileSync(
    process.execPath,
    ['--no-warnings', '--experimental-vm-modules', 'test/support/bare.js', HELLO],
    { encoding: 'utf8' },
  )
  expect(JSON.parse(output)).toMatchObject({
    id: 'ipn:3.2/848724351404-9153',
    hex: HELLO,
    refused: true,
    payload: 'T03 crc32c',
  })
})
