/**
 * Bytes of bundles for each mail of a seeded corpus, alone and together, with the acknowledgements,
 * beside what bpmail needs. Expected: a single mail below zlib's size and bpmail's overhead, batched
 * half; the README says what came out.
 */

import { deflateSync } from 'node:zlib'
import { fromUtf8 } from '../base/bytes.ts'
import { addMs, monoMs, wallMs } from '../base/time.ts'
import { encodeAcknowledgement } from '../bridge/adu.ts'
import { Gathering, type GatheringEvent } from '../bridge/gathering.ts'
import { GATHERED_BYTES_MAX, OBJECT_BYTES_MAX, OBJECT_MAILS_MAX } from '../bridge/limits.ts'
import { makeObject, type ObjectMail } from '../bridge/object-maker.ts'
import { packingsRead } from '../bridge/object-packing.ts'
import { transactionName } from '../bridge/transaction-name.ts'
import { objectBytesFor, type Way } from '../bridge/way-worth.ts'
import { newBundle } from '../dtn/own-bundle.ts'
import { hostPacking } from '../host/packing.ts'
import type { PackingEffort } from '../ports/packing.ts'
import { encodeBundle } from '../proto/bpv7/codec.ts'
import { ipnEndpoint } from '../proto/bpv7/endpoint-id.ts'
import type { Mailbox } from '../proto/smtp/envelope.ts'
import { mailCorpus } from './mail-corpus.ts'

export interface WireBytes {
  readonly seed: number
  readonly mails: number
  /** Of the messages as they are, for each mail, as all that follows. */
  readonly message: number
  /** zlib for each mail, with what DTPC and the bundle add, and DTPC's acknowledgement. */
  readonly bpmail: number
  /** Ours with the envelope, a bundle and an acknowledgement for each mail, by all effort: as on a slow way. */
  readonly single: number
  /** As it is packed for fast ways. */
  readonly singleFast: number
  /** The same mails in the objects that a gateway makes of them when they wait together. */
  readonly batched: number
  readonly batchedFast: number
  readonly objects: number
}

/** What ION put around the zlib stream of a mail and sent to acknowledge it, in a capture of ours. */
const BPMAIL_OVERHEAD_BYTES = 568 - 446
const BPMAIL_ACKNOWLEDGEMENT_BYTES = 114

/** Of 1 Mbit/s. */
const SLOW_WAY: Way = { arrivalAt: (at, bytes) => addMs(at, bytes / 125) }

const RUN = 'a1b2c3d4e5f6'
const START = wallMs(1_800_000_000_000)

export async function measureWireBytes(seed: number, count: number): Promise<WireBytes> {
  const corpus = mailCorpus(seed, count)
  const mails = corpus.map(({ from, recipients, message }, i): ObjectMail => {
    const bytes = fromUtf8(message)
    return {
      transaction: transactionName(RUN, i),
      mail: {
        queueId: `Q${i}`,
        from: {
          reversePath: mailboxOf(from),
          parameters: { body: '8BITMIME', sizeBytes: bytes.length },
        },
      },
      recipients: recipients.map((name) => ({ recipient: mailboxOf(name) })),
      message: bytes,
      startedAt: START,
    }
  })
  const sizes = mails.map(({ message }) => message?.length ?? 0)
  const bpmail = mails.map(({ message = new Uint8Array(0) }) => deflateSync(message).length)
  const alone = mails.map((mail) => [mail])
  const together = inObjects(mails, objectBytesFor(SLOW_WAY, START))
  const togetherFast = inObjects(mails, OBJECT_BYTES_MAX)
  const perMail = (bytes: number): number => Math.round(bytes / count)
  return {
    ...{ seed, mails: count, objects: together.length, message: perMail(sum(sizes)) },
    bpmail: perMail(sum(bpmail)) + BPMAIL_OVERHEAD_BYTES + BPMAIL_ACKNOWLEDGEMENT_BYTES,
    single: perMail(await costOf(alone, 'best')),
    singleFast: perMail(await costOf(alone, 'fast')),
    batched: perMail(await costOf(together, 'best')),
    batchedFast: perMail(await costOf(togetherFast, 'fast')),
  }
}

/** Of the bundles and of those that acknowledge them. */
async function costOf(
  objects: readonly (readonly ObjectMail[])[],
  effort: PackingEffort,
): Promise<number> {
  const packings = packingsRead(hostPacking)
  const acknowledgement = { packings, objectBytesMax: OBJECT_BYTES_MAX }
  let bytes = 0
  for (const mails of objects) {
    const plan = { host: 'mail-1.a.com', wall: START, mails, reads: packings, effort }
    const { payload } = await makeObject(plan, hostPacking)
    const answers = mails.map(({ transaction }) => ({ transaction, refusals: [] }))
    bytes +=
      bundleBytes(payload) + bundleBytes(encodeAcknowledgement({ ...acknowledgement, answers }))
  }
  return bytes
}

/** When a contact opens for which all of them have waited. */
function inObjects(
  mails: readonly ObjectMail[],
  bytesMax: number,
): readonly (readonly ObjectMail[])[] {
  const opensAt = monoMs(1)
  const gathering = new Gathering({
    ...{ mailsMax: OBJECT_MAILS_MAX, bytesMax: () => bytesMax, waitMs: 0 },
    ...{ gatheredBytesMax: GATHERED_BYTES_MAX, lookMs: 1, opensAt: () => opensAt },
  })
  const hop = 'ipn:3.2525'
  for (const [i, { message }] of mails.entries()) {
    const mail = { id: String(i), sizeBytes: message?.length ?? 0, priority: 0 }
    gathering.handle({ type: 'add', hop, mail }, monoMs(0))
  }
  const objects: ObjectMail[][] = []
  for (let event: GatheringEvent = { type: 'tick' }; gathering.bytes > 0; ) {
    for (const { ids } of gathering.handle(event, opensAt)) {
      objects.push(ids.flatMap((id) => mails[Number(id)] ?? []))
    }
    event = { type: 'written', hop }
  }
  return objects
}

function bundleBytes(payload: Uint8Array): number {
  const request = {
    ...{ sourceService: 2525n, destination: ipnEndpoint(3n, 2525n), payload },
    lifetimeMs: 432_000_000,
  }
  const timestamp = { time: 853_315_200_000n, sequence: 1n }
  return encodeBundle(newBundle(request, { node: 2n }, timestamp)).length
}

function mailboxOf(name: string): Mailbox {
  const [localPart = '', domain = ''] = name.split('@')
  return { localPart, domain }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
