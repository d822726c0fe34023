import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, fromHex, toHex } from '../../src/base/bytes.ts'
import { Fault } from '../../src/base/fault.ts'
import { seededRandom } from '../../src/base/random.ts'
import { addMs } from '../../src/base/time.ts'
import type { ConvergenceLayer } from '../../src/dtn/convergence-layer.ts'
import { OFFER_AGAIN_MS, RETRY_MAX_MS, SESSIONS_MAX } from '../../src/dtn/limits.ts'
import type { LabHost } from '../../src/lab/host.ts'
import { LabNetwork } from '../../src/lab/network.ts'
import { World } from '../../src/lab/world.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { ByteStream, Network, SocketAddress } from '../../src/ports/network.ts'

/** What is promised about a layer beyond the interface. */
export interface LayerTraits {
  readonly make: (at: {
    readonly listen: SocketAddress
    readonly network: Network
    readonly clock: Clock
  }) => ConvergenceLayer & { readonly address: SocketAddress | undefined }
  /** `stream` loses nothing while its connection lasts. */
  readonly carrier: 'stream' | 'datagram'
  /** What makes a transmission done: that the network took it, or that the node there accepted it. */
  readonly doneWhen: 'sent' | 'accepted'
  /** Whether the sender hears that its bundle was refused. */
  readonly refusals: 'told' | 'untold'
  /** Octets that no honest peer sends; each must end the session. In hex. */
  readonly killers: readonly string[]
}

const ONE_WAY_MS = 500
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Answer = Fault | undefined | 'never'

interface Sent {
  readonly bundle: Uint8Array
  readonly outcomes: (Fault | undefined)[]
  readonly doneAt: number[]
}

/** Two layers with a link between them, and everything that happens. */
class Meeting {
  readonly world: World = new World({ settle })
  readonly lab: LabNetwork
  readonly hosts: readonly [LabHost, LabHost, LabHost]
  readonly received: { readonly bundle: string; readonly at: number }[] = []
  readonly sent: Sent[] = []
  /** What the node there says to a bundle; the count is of those that came before. */
  answer: (bundle: string, count: number) => Answer = () => undefined
  answerAfterMs = 0
  readonly #traits: LayerTraits
  #sender: ReturnType<LayerTraits['make']> | undefined
  #receiver: ReturnType<LayerTraits['make']> | undefined

  private constructor(traits: LayerTraits, loss: number) {
    this.#traits = traits
    this.lab = new LabNetwork({ world: this.world, random: seededRandom(7) })
    this.lab.addLink(['earth', 'moon'], { oneWayDelayMs: ONE_WAY_MS, lossShare: loss })
    this.hosts = [
      this.lab.addHost('here', 'earth', '172.21.0.3'),
      this.lab.addHost('there', 'moon', '172.22.0.3'),
      this.lab.addHost('hostile', 'moon', '172.22.0.66'),
    ]
  }

  static async of(
    traits: LayerTraits,
    options: { readonly loss?: number; readonly wrap?: (network: Network) => Network } = {},
  ): Promise<Meeting> {
    const meeting = new Meeting(traits, options.loss ?? 0)
    const [here] = meeting.hosts
    meeting.#sender = meeting.#makeLayer(here, options.wrap?.(here.network) ?? here.network)
    await meeting.#sender.start(() => {})
    await meeting.startReceiver()
    return meeting
  }

  get sender(): ReturnType<LayerTraits['make']> {
    return this.#sender as ReturnType<LayerTraits['make']>
  }

  get receiver(): ReturnType<LayerTraits['make']> {
    return this.#receiver as ReturnType<LayerTraits['make']>
  }

  get now(): number {
    return this.world.now()
  }

  get address(): SocketAddress {
    return this.receiver.address as SocketAddress
  }

  async startReceiver(): Promise<void> {
    const there = this.hosts[1]
    this.#receiver = this.#makeLayer(there, there.network)
    await this.#receiver.start((borrowed, _from, answer) => {
      const bundle = toHex(borrowed)
      const said = this.answer(bundle, this.received.length)
      if (said === undefined) this.received.push({ bundle, at: this.now })
      if (said === 'never') return
      if (this.answerAfterMs === 0) answer?.(said)
      else there.clock.at(addMs(there.clock.now(), this.answerAfterMs), () => answer?.(said))
    })
  }

  /** Transmits, and again after every temporary Fault where that is wanted. */
  send(bundle: Uint8Array, again: 'once' | 'until-done' = 'once'): Sent {
    const sent: Sent = { bundle, outcomes: [], doneAt: [] }
    const transmit = (): void => {
      let answered = false
      this.sender.transmit(bundle, `172.22.0.3:${PORT}`, (fault) => {
        expect(answered).toBe(false)
        answered = true
        sent.outcomes.push(fault)
        sent.doneAt.push(this.now)
        if (again === 'until-done' && fault?.temporary === true) {
          this.world.at(addMs(this.world.now(), SEND_AGAIN_MS), transmit)
        }
      })
    }
    this.sent.push(sent)
    transmit()
    return sent
  }

  runFor(durationMs: number): Promise<void> {
    return this.world.run(addMs(this.world.now(), durationMs))
  }

  async until(condition: () => boolean): Promise<void> {
    await this.world.run(() => condition() || this.now > A_DAY_MS)
    expect(condition()).toBe(true)
  }

  /** Carries out `action` while time goes on. */
  perform<T>(action: Promise<T>): Promise<T> {
    return this.world.perform(action)
  }

  /** A stream to the receiver from a host that keeps to nothing. */
  hostileStream(): Promise<ByteStream> {
    return this.perform(this.hosts[2].network.connect(this.address, 60_000))
  }

  #makeLayer(host: LabHost, network: Network): ReturnType<LayerTraits['make']> {
    const listen = { host: host.address, port: PORT }
    return this.#traits.make({ listen, network, clock: host.clock })
  }
}

const PORT = 4556
const SEND_AGAIN_MS = 1000
const A_DAY_MS = 86_400_000

/** Begins as a bundle does. */
function bundleOf(seed: number, length: number): Uint8Array {
  const bundle = Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 0xff)
  bundle[0] = 0x9f
  bundle[1] = seed
  return bundle
}

function isDone({ outcomes }: Sent): boolean {
  return outcomes.length > 0 && outcomes.at(-1) === undefined
}

function hexOf(sent: readonly Sent[]): readonly string[] {
  return sent.map(({ bundle }) => toHex(bundle))
}

/** Breaks the first connection when so many bytes have left or come, and no other. */
function cutting(
  network: Network,
  after: { readonly sent?: number; readonly received?: number },
): Network {
  let isFirst = true
  return {
    listen: network.listen.bind(network),
    bind: network.bind.bind(network),
    connect: async (to, timeoutMs) => {
      const stream = await network.connect(to, timeoutMs)
      if (!isFirst) return stream
      isFirst = false
      return cutStream(stream, {
        sent: after.sent ?? Number.POSITIVE_INFINITY,
        received: after.received ?? Number.POSITIVE_INFINITY,
      })
    },
  }
}

function cutStream(inner: ByteStream, left: { sent: number; received: number }): ByteStream {
  let isCut = false
  const outer: ByteStream = {
    local: inner.local,
    remote: inner.remote,
    get unsentBytes() {
      return inner.unsentBytes
    },
    send: (bytes) => {
      if (isCut) return
      inner.send(bytes.slice(0, left.sent))
      left.sent -= bytes.length
      isCut = left.sent <= 0
      if (isCut && inner.unsentBytes === 0) inner.abort()
    },
    secure: (options) => inner.secure(options),
    close: () => inner.close(),
    abort: () => inner.abort(),
    pause: () => inner.pause(),
    resume: () => inner.resume(),
    onBytes: () => {},
    onSecured: () => {},
    onDrained: () => {},
    onEnd: () => {},
  }
  inner.onBytes = (bytes) => {
    if (isCut) return
    outer.onBytes(bytes.subarray(0, left.received))
    left.received -= bytes.length
    isCut = left.received <= 0
    if (isCut) inner.abort()
  }
  inner.onSecured = (session) => outer.onSecured(session)
  inner.onDrained = () => (isCut ? inner.abort() : outer.onDrained())
  inner.onEnd = (fault) => outer.onEnd(fault)
  return outer
}

const noRoom = (): Fault => new Fault('dtn/store-full', 'no room', { temporary: true })
const unwanted = (): Fault => new Fault('bpv7/bad', 'no bundle', { temporary: false })

/** The contract of `src/dtn/convergence-layer.ts`. */
export function describeConvergenceLayer(name: string, traits: LayerTraits): void {
  const isStream = traits.carrier === 'stream'
  const isAcknowledged = traits.doneWhen === 'accepted'

  describe(`the convergence layer contract: ${name}`, () => {
    it('carries bundles of all sizes unharmed, each answered for once', async () => {
      const meeting = await Meeting.of(traits)
      const sizes = isStream ? [2, 23, 24, 255, 256, 65_536, 700_000] : [2, 24, 1500, 60_000]
      for (const [i, size] of sizes.entries()) meeting.send(bundleOf(i, size))
      await meeting.until(() => meeting.sent.every(isDone))
      await meeting.until(() => meeting.received.length === sizes.length)
      expect(meeting.received.map(({ bundle }) => bundle)).toEqual(hexOf(meeting.sent))
      expect(meeting.sent.map(({ outcomes }) => outcomes)).toEqual(sizes.map(() => [undefined]))
    })

    it('sends many bundles without waiting for each', async () => {
      const meeting = await Meeting.of(traits)
      for (let i = 0; i < 200; i++) meeting.send(bundleOf(i, 1000))
      await meeting.until(() => meeting.received.length === 200 && meeting.sent.every(isDone))
      // Three handshakes, four round trips of slow start, and the last acknowledgement.
      expect(meeting.now).toBeLessThanOrEqual(16 * ONE_WAY_MS)
    })

    it('calls a transmission done when it is, and not before', async () => {
      const meeting = await Meeting.of(traits)
      meeting.answerAfterMs = 10_000
      const sent = meeting.send(bundleOf(1, 1000))
      await meeting.until(() => isDone(sent))
      await meeting.until(() => meeting.received.length === 1)
      const receivedAt = meeting.received[0]?.at as number
      if (isAcknowledged) expect(sent.doneAt[0]).toBe(receivedAt + 10_000 + ONE_WAY_MS)
      else expect(sent.doneAt[0]).toBeLessThanOrEqual(receivedAt)
    })

    it('never calls done what the node has not accepted', async () => {
      const meeting = await Meeting.of(traits)
      meeting.answer = () => 'never'
      const sent = meeting.send(bundleOf(1, 1000))
      await meeting.runFor(600_000)
      expect(isDone(sent)).toBe(!isAcknowledged)
    })

    it('carries a bundle twice that is sent twice: what a duplicate is the agent knows', async () => {
      const meeting = await Meeting.of(traits)
      for (let i = 0; i < 2; i++) meeting.send(bundleOf(1, 100))
      await meeting.until(() => meeting.received.length === 2)
      await meeting.until(() => meeting.sent.every(isDone))
    })

    it('survives loss: a stream loses and repeats nothing, a datagram comes whole or not', async () => {
      const meeting = await Meeting.of(traits, { loss: 0.1 })
      for (let i = 0; i < 100; i++) meeting.send(bundleOf(i, 2000), 'until-done')
      await meeting.until(() => meeting.sent.every(isDone))
      await meeting.runFor(60_000)
      const received = meeting.received.map(({ bundle }) => bundle)
      if (isStream) expect(received).toEqual(hexOf(meeting.sent))
      else expect(hexOf(meeting.sent)).toEqual(expect.arrayContaining(received))
      expect(received.length).toBeGreaterThan(70)
    })

    it('has no room: the bundle is refused or held back, and comes when there is', async () => {
      const meeting = await Meeting.of(traits)
      const tries: number[] = []
      meeting.answer = () => {
        tries.push(meeting.now)
        return tries.length <= 3 ? noRoom() : undefined
      }
      const sent = meeting.send(bundleOf(1, 1000), 'until-done')
      if (!isStream) {
        await meeting.runFor(60_000)
        expect([isDone(sent), meeting.received]).toEqual([true, []])
        return
      }
      await meeting.until(() => meeting.received.length === 1 && isDone(sent))
      expect(tries).toHaveLength(4)
      const refusals = sent.outcomes.filter((fault) => fault?.temporary === true).length
      expect(refusals).toBe(traits.refusals === 'told' ? 3 : 0)
      if (traits.refusals === 'untold') {
        expect(tries[3]).toBe((tries[0] as number) + 3 * OFFER_AGAIN_MS)
      }
    })

    onlyIf(isStream)(
      'has no room for long: a bounded amount is taken, and all of it comes in the end',
      async () => {
        const meeting = await Meeting.of(traits)
        meeting.answer = () => (meeting.now < 20_000 ? noRoom() : undefined)
        for (let i = 0; i < 100; i++) meeting.send(bundleOf(i, 2000), 'until-done')
        await meeting.runFor(19_000)
        expect(meeting.received).toEqual([])
        await meeting.until(() => meeting.received.length === 100)
        await meeting.until(() => meeting.sent.every(isDone))
        expect(meeting.received.map(({ bundle }) => bundle).sort()).toEqual(
          [...hexOf(meeting.sent)].sort(),
        )
      },
    )

    it('does not want a bundle: the next ones come all the same', async () => {
      const meeting = await Meeting.of(traits)
      const [bad, good] = [bundleOf(1, 100), bundleOf(2, 100)]
      meeting.answer = (bundle) => (bundle === toHex(bad) ? unwanted() : undefined)
      const [refused, accepted] = [meeting.send(bad), meeting.send(good)]
      await meeting.until(() => meeting.received.length === 1 && isDone(accepted))
      expect(refused.outcomes).toHaveLength(1)
      // Who can be told hears "never again", or is told that it is done with.
      if (!isStream) expect(refused.outcomes).toEqual([undefined])
      else expect(refused.outcomes[0]?.temporary ?? false).toBe(false)
    })

    onlyIf(isStream)(
      'tries a neighbour that is not there, less and less often, and reaches it when it is',
      async () => {
        const meeting = await Meeting.of(traits)
        const attempts: number[] = []
        const capture = meeting.lab.capture
        await meeting.perform(meeting.receiver.stop())
        const sent = meeting.send(bundleOf(1, 100), 'until-done')
        await meeting.runFor(600_000)
        for (const packet of capture.packets) {
          const isAttempt = packet.segment === 'syn' && !packet.retransmitted
          if (isAttempt && packet.from === 'here') attempts.push(packet.sentAt)
        }
        const pauses = attempts.slice(1).map((at, i) => at - (attempts[i] as number))
        expect(pauses.length).toBeLessThanOrEqual(18)
        expect(Math.max(...pauses)).toBeLessThanOrEqual(RETRY_MAX_MS + 3 * ONE_WAY_MS)
        expect(pauses.every((pause, i) => pause >= (pauses[i - 1] ?? 0) - ONE_WAY_MS)).toBe(true)
        expect(sent.outcomes.every((fault) => fault?.temporary === true)).toBe(true)
        await meeting.startReceiver()
        await meeting.until(() => isDone(sent) && meeting.received.length === 1)
      },
    )

    onlyIf(isStream)(
      'finds out that a neighbour has crashed, and reaches it when it is back',
      async () => {
        const meeting = await Meeting.of(traits)
        const first = meeting.send(bundleOf(1, 100))
        await meeting.until(() => isDone(first) && meeting.received.length === 1)
        meeting.hosts[1].crash()
        await meeting.runFor(1000)
        meeting.hosts[1].restart()
        await meeting.startReceiver()
        const second = meeting.send(bundleOf(2, 100), 'until-done')
        await meeting.until(() => isDone(second))
        // Without acknowledgements the one that told us of the crash is lost.
        await meeting.runFor(60_000)
        const third = meeting.send(bundleOf(3, 100), 'until-done')
        await meeting.until(() => isDone(third))
        await meeting.runFor(ONE_WAY_MS)
        const received = meeting.received.map(({ bundle }) => bundle)
        expect(received).toContain(toHex(third.bundle))
        if (isAcknowledged) expect(received).toContain(toHex(second.bundle))
      },
    )

    onlyIf(isAcknowledged)('a link that is down for an hour harms nothing', async () => {
      const meeting = await Meeting.of(traits)
      meeting.send(bundleOf(1, 100), 'until-done')
      await meeting.until(() => meeting.received.length === 1)
      meeting.lab.setLink(['earth', 'moon'], { lossShare: 1 })
      for (let i = 2; i < 10; i++) meeting.send(bundleOf(i, 50_000), 'until-done')
      await meeting.runFor(3_600_000)
      meeting.lab.setLink(['earth', 'moon'], { lossShare: 0 })
      await meeting.until(() => meeting.sent.every(isDone))
      const received = meeting.received.map(({ bundle }) => bundle)
      expect(new Set(received)).toEqual(new Set(hexOf(meeting.sent)))
    })

    onlyIf(isStream)(
      'a connection that is cut at any byte loses nothing that is called done',
      async () => {
        const bundles = [bundleOf(1, 30), bundleOf(2, 3), bundleOf(3, 40)]
        for (const direction of ['sent', 'received'] as const) {
          const bytes = await bytesOf(traits, bundles, direction)
          for (let at = 0; at <= bytes; at++) {
            const wrap = (network: Network): Network => cutting(network, { [direction]: at })
            const meeting = await Meeting.of(traits, { wrap })
            for (const bundle of bundles) meeting.send(bundle, 'until-done')
            await meeting.until(() => meeting.sent.every(isDone))
            await meeting.runFor(5000)
            const received = meeting.received.map(({ bundle }) => bundle)
            const where = `${direction} ${at} of ${bytes}`
            expect(bundles.map(toHex), where).toEqual(expect.arrayContaining(received))
            for (const { outcomes } of meeting.sent) {
              for (const fault of outcomes) expect(fault?.temporary ?? true, where).toBe(true)
            }
            if (isAcknowledged) {
              expect(new Set(received), where).toEqual(new Set(bundles.map(toHex)))
            }
          }
        }
      },
    )

    it('octets that no honest peer sends end their session, and nothing else', async () => {
      const meeting = await Meeting.of(traits)
      for (const hex of traits.killers) {
        const octets = fromHex(hex) as Uint8Array
        if (!isStream) {
          await sendDatagram(meeting, octets)
          continue
        }
        const stream = await meeting.hostileStream()
        let isOver = false
        stream.onEnd = () => {
          isOver = true
        }
        stream.send(octets)
        const sentAt = meeting.now
        await meeting.until(() => isOver)
        expect(meeting.now - sentAt, hex).toBeLessThan(3000)
      }
      // A datagram has no framing that could be wrong: what it holds is for the node to judge.
      if (isStream) expect(meeting.received).toEqual([])
      await expectAlive(meeting)
    })

    it('any octets at all leave it alive', async () => {
      const meeting = await Meeting.of(traits)
      const anything = fc.sample(fc.uint8Array({ maxLength: 300 }), { numRuns: 60, seed: 1 })
      const beginnings = traits.killers.map((hex) => (fromHex(hex) as Uint8Array).subarray(0, 6))
      for (const [i, octets] of anything.entries()) {
        const bytes = concat(beginnings[i % beginnings.length] ?? new Uint8Array(0), octets)
        if (isStream) (await meeting.hostileStream()).send(bytes)
        else await sendDatagram(meeting, bytes)
        await meeting.runFor(2000)
      }
      meeting.received.splice(0)
      await expectAlive(meeting)
    })

    onlyIf(isStream)('any number of silent connections gives way to one that is not', async () => {
      const meeting = await Meeting.of(traits)
      for (let i = 0; i < SESSIONS_MAX + 3; i++) await meeting.hostileStream()
      await expectAlive(meeting)
    })

    it('stopped, it answers for everything, frees its port, and can begin again', async () => {
      const meeting = await Meeting.of(traits)
      meeting.answer = () => 'never'
      for (let i = 0; i < 20; i++) meeting.send(bundleOf(i, 1000))
      await meeting.runFor(2 * ONE_WAY_MS)
      await meeting.perform(meeting.sender.stop())
      expect(meeting.sent.every(({ outcomes }) => outcomes.length === 1)).toBe(true)
      const late = meeting.send(bundleOf(1, 100))
      expect(late.outcomes).toMatchObject([{ code: 'dtn/stopped', temporary: true }])
      await meeting.perform(meeting.receiver.stop())
      meeting.answer = () => undefined
      await meeting.startReceiver()
      await meeting.sender.start(() => {})
      await expectAlive(meeting)
    })

    it('an address that is none is refused for now: the plan can be corrected', async () => {
      const meeting = await Meeting.of(traits)
      const outcomes: (Fault | undefined)[] = []
      for (const duct of ['moon', '', '172.22.0.3:99999']) {
        meeting.sender.transmit(bundleOf(1, 100), duct, (fault) => outcomes.push(fault))
      }
      expect(outcomes).toMatchObject(
        [1, 2, 3].map(() => ({ code: 'dtn/bad-duct', temporary: true })),
      )
    })
  })
}

/** How many bytes go over the sender's connection for these bundles. */
async function bytesOf(
  traits: LayerTraits,
  bundles: readonly Uint8Array[],
  direction: 'sent' | 'received',
): Promise<number> {
  const meeting = await Meeting.of(traits)
  for (const bundle of bundles) meeting.send(bundle)
  await meeting.until(() => meeting.sent.every(isDone))
  await meeting.runFor(3000)
  const from = direction === 'sent' ? 'here' : 'there'
  const packets = meeting.lab.capture.packets.filter((packet) => packet.from === from)
  return packets.reduce((sum, { payload }) => sum + payload.length, 0)
}

/** An honest sender is served, if not at once. Where it hears nothing it says it again. */
async function expectAlive(meeting: Meeting): Promise<void> {
  const bundle = bundleOf(99, 5000)
  const before = meeting.received.length
  for (let i = 0; i < 10 && meeting.received.length === before; i++) {
    const sent = meeting.send(bundle, 'until-done')
    await meeting.until(() => isDone(sent))
    await meeting.runFor(30_000)
  }
  expect(meeting.received.slice(before).map((received) => received.bundle)).toEqual([toHex(bundle)])
}

async function sendDatagram(meeting: Meeting, octets: Uint8Array): Promise<void> {
  const host = meeting.hosts[2]
  const socket = await host.network.bind({ host: host.address, port: 0 })
  socket.send(octets, meeting.address, () => {})
  await meeting.runFor(10)
  await socket.close()
}

/** `it` where the contract has the case; nothing where it has not, which is no skipped test. */
function onlyIf(applies: boolean): (name: string, body: () => Promise<void>) => void {
  return applies ? it : () => {}
}
