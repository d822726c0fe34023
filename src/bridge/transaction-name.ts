/**
 * The name of one mail between two gateways: a run of the sender, which is a random number, and the
 * mail's own number in it. Many names are a few octets: those of one run follow each other.
 */

import { fromHex, toHex } from '../base/bytes.ts'
import type { CborReader } from '../proto/cbor/reader.ts'
import type { CborWriter } from '../proto/cbor/writer.ts'
import { badAdu } from './fault.ts'
import { OBJECT_MAILS_READ_MAX } from './limits.ts'

/** Of a run's number: two runs of one sender with the same would be one in 2^48. */
export const RUN_BYTES = 6

interface Run {
  readonly run: string
  readonly first: number
  count: number
}

/** `run` in hexadecimal. */
export function transactionName(run: string, number: number): string {
  return `${run}.${number}`
}

/** As runs of names that follow each other, in their order: `[run, first, count, …]`. */
export function writeNames(writer: CborWriter, names: readonly string[]): void {
  const runs: Run[] = []
  for (const name of names) {
    const [run = '', digits = ''] = name.split('.')
    const number = Number(digits)
    const last = runs.at(-1)
    if (last?.run === run && last.first + last.count === number) last.count++
    else runs.push({ run, first: number, count: 1 })
  }
  writer.array(3 * runs.length)
  for (const { run, first, count } of runs) {
    writer.byteString(fromHex(run) ?? new Uint8Array(RUN_BYTES))
    writer.uint(first)
    writer.uint(count)
  }
}

/** Throws a Fault. */
export function readNames(reader: CborReader): readonly string[] {
  const names: string[] = []
  const length = reader.openArray()
  let items = 0
  for (; !reader.isArrayAtEnd(length, items); items += 3) {
    const run = reader.byteString()
    if (run.length !== RUN_BYTES) throw badAdu(`a run of ${run.length} octets`)
    const first = reader.safeUint()
    const count = reader.safeUint()
    if (count < 1 || names.length + count > OBJECT_MAILS_READ_MAX) throw badAdu('too many mails')
    if (!Number.isSafeInteger(first + count)) throw badAdu('a number beyond all numbers')
    const hex = toHex(run)
    for (let i = 0; i < count; i++) names.push(transactionName(hex, first + i))
  }
  reader.closeArray(length, items)
  if (new Set(names).size !== names.length) throw badAdu('a mail that is named twice')
  return names
}
