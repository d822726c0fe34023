import { expect, test } from 'vitest'
import { concat, fromLatin1, toLatin1 } from '../base/bytes.ts'
import { Fault } from '../base/fault.ts'
import { seededRandom } from '../base/random.ts'
import { wallMs } from '../base/time.ts'
import { labEntropy } from '../lab/entropy.ts'
import { LabStore } from '../lab/store.ts'
import { World } from '../lab/world.ts'
import type { Delivery, DeliveryTarget, MailStart, Outcome } from '../mail/delivery.ts'
import { parseMailbox } from '../proto/smtp/path.ts'
import { HeldAttachments } from './held-attachments.ts'
import { HoldingBack } from './holding-back.ts'
import { STRUCTURE_TURN_BYTES } from './limits.ts'

const ROUTE = 'bp:ipn:3.2525'
const DELIVERED: Outcome = { type: 'delivered', detail: ROUTE }
const PHOTO = 'x'.repeat(3000)
const MESSAGE = fromLatin1(
  `From: <u@a.com>\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nText\r\n--b\r\nContent-Type: image/png\r\n\r\n${PHOTO}\r\n--b--\r\n`,
)
const MAIL: MailStart = {
  queueId: 'Q1',
  from: { reversePath: undefined, parameters: { sizeBytes: 5000 } },
  sizeBytes: MESSAGE.length,
  read: () => [MESSAGE.subarray(0, 100), MESSAGE.subarray(100)],
}

function stage() {
  const clock = new World({ settle: async () => {}, wallAtStart: wallMs(1_800_000_000_000) })
  const store = new LabStore()
  const held = new HeldAttachments({ store, clock, entropy: labEntropy(seededRandom(1)) }, 10_000)
  const options = { host: 'mail-1.a.com', domain: 'a.com', keepMs: 1000 }
  return { clock, held, store, holdingBack: new HoldingBack(options, { held, clock }) }
}

/** One attempt, as a queue makes it: what crossed, and what came of it. */
async function attempt(
  holdingBack: HoldingBack,
  recipients: readonly string[],
  outcomes: readonly Outcome[] = [DELIVERED],
) {
  let crossed = ''
  let start: MailStart | undefined
  const inner: DeliveryTarget = {
    start: async (mail): Promise<Delivery> => {
      start = mail
      return {
        addRecipient: async () => {},
        write: async (bytes) => {
          crossed += toLatin1(bytes)
        },
        commit: async () => outcomes,
        abort: async () => {},
      }
    },
  }
  const holding = await holdingBack.of(MAIL, ROUTE, 2000)
  const delivery = await holding?.start(inner)
  for (const one of recipients) {
    const mailbox = parseMailbox(one)
    if (mailbox !== undefined) await delivery?.addRecipient(mailbox)
  }
  for (const bytes of MAIL.read?.() ?? []) await delivery?.write(bytes)
  return { crossed, start, holding, outcomes: await delivery?.commit() }
}

test('what is said of the size is true of what crosses', async () => {
  const { holdingBack } = stage()
  const { crossed, start, holding } = await attempt(holdingBack, ['ann@b.com'])
  expect(crossed).toContain('Text')
  expect(crossed).not.toContain(PHOTO)
  expect(holding?.sizeBytes).toBe(crossed.length)
  expect(start).toMatchObject({ sizeBytes: crossed.length })
  expect(start?.from.parameters.sizeBytes).toBe(crossed.length)
  expect(toLatin1(concat(...(start?.read?.() ?? [])))).toBe(crossed)
})

test('the next attempt carries the same mail, whatever the options say by then', async () => {
  const { holdingBack, held } = stage()
  const later: Outcome = { type: 'refused', fault: new Fault('x/y', 'later', { temporary: true }) }
  const first = await attempt(holdingBack, ['ann@b.com', 'bob@b.com'], [later, later])
  expect(held.planOf('Q1', ROUTE)?.hasCrossed).toBeUndefined()
  expect(await holdingBack.of(MAIL, ROUTE, undefined)).toBeDefined()
  const second = await attempt(holdingBack, ['bob@b.com'])
  expect(second.crossed).toBe(first.crossed)
  expect(held.planOf('Q1', ROUTE)?.hasCrossed).toBe(true)
  expect(held.bytes).toBe(PHOTO.length)
})

test('whom a changed route brought to it gets all of it, for they could not ask', async () => {
  const { holdingBack } = stage()
  await attempt(holdingBack, ['ann@b.com'])
  const { crossed } = await attempt(holdingBack, ['bob@b.com'])
  expect(crossed).toBe(toLatin1(MESSAGE))
})

test('nobody is settled before it is on the disk that the attachments stay', async () => {
  const { holdingBack, held } = stage()
  held.crossed = () => Promise.reject(new Fault('store/full', 'full', { temporary: true }))
  const { outcomes } = await attempt(holdingBack, ['ann@b.com'])
  expect(outcomes).toMatchObject([{ type: 'refused', fault: { temporary: true } }])
})

test('a mail with nothing to hold back crosses as it is', async () => {
  const { holdingBack } = stage()
  expect(await holdingBack.of(MAIL, ROUTE, 5000)).toBeUndefined()
  expect(
    await holdingBack.of({ ...MAIL, read: () => [fromLatin1('\r\n')] }, ROUTE, 2000),
  ).toBeUndefined()
  expect(await holdingBack.of(MAIL, ROUTE, undefined)).toBeUndefined()
})

test('others have their turn while a large mail is looked through', async () => {
  const { clock, holdingBack } = stage()
  const pieces = [MESSAGE, new Uint8Array(STRUCTURE_TURN_BYTES), new Uint8Array(1)]
  const mail = { ...MAIL, sizeBytes: STRUCTURE_TURN_BYTES, read: () => pieces }
  let isDone = false
  const looked = holdingBack.of(mail, ROUTE, 2000).finally(() => {
    isDone = true
  })
  for (let turns = 0; turns < 20; turns++) await Promise.resolve()
  expect(isDone).toBe(false)
  await clock.run(clock.now())
  expect(await looked).toBeDefined()
})
