import { fromUtf8 } from '../../base/bytes.ts'
import { addMs, type MonoMs } from '../../base/time.ts'
import type { EndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { SendAdu } from '../control/message.ts'
import {
  DRIVEN_PAYLOAD_BYTES_MAX,
  DRIVEN_UNSTORED_BYTES_MAX,
  DRIVEN_UNSTORED_MAX,
} from './limits.ts'
import { sendPatiently } from './patience.ts'
import { Receiver } from './reception.ts'
import {
  endpointOf,
  leadingInteger,
  pause,
  printLine,
  rateLines,
  type Tool,
  type ToolPorts,
} from './tool.ts'

interface DriverOptions {
  readonly cycles: number
  readonly own: EndpointId
  readonly destination: EndpointId
  /** 1 is a size chosen anew for each bundle. */
  readonly payloadBytes: number
  /** Wait for one bundle back after each. */
  readonly isStreaming: boolean
  readonly lifetimeMs: number
  readonly rateBitsPerSec: number | undefined
}

const PAYLOAD_BYTES = 60_000
const LIFETIME_SEC = 300
const PILOT = 'Go.'
const AFTER_PILOT_MS = 100
const TOLD_EVERY = 1000

/** Sends many bundles and measures the rate. */
export const bpdriver: Tool = {
  usage: `Usage: bpdriver <number of cycles> <own endpoint ID> <destination endpoint ID> [<payload size>] [t<Bundle TTL>] [i<inject data rate>]
  Payload size defaults to 60000 bytes, and is at most 67108864.
  Bundle TTL defaults to 300 seconds.
  The inject data rate is in bits per second, for streaming mode.

  Normal operation of bpdriver is to wait for acknowledgment after sending
  each bundle. To run in streaming mode instead, specify a negative payload
  size; the absolute value of this parameter will be used as the actual
  payload size.

  To use payload sizes chosen at random from the range 1024 to 61440, in
  multiples of 1024, specify payload size 1 (or -1 for streaming mode).

  A negative number of cycles, which asks for custody transfer in version 6
  of the protocol, means its absolute value.

  Destination (receiving) application must be bpecho when bpdriver is run in
  stop-and-wait mode, should be bpcounter in streaming mode.
`,
  usageOn: 'output',
  parse: (args) => {
    const options = optionsOf(args)
    if (options === undefined) return undefined
    return { own: options.own, run: (ports) => new Driver(options, ports).run() }
  },
}

function optionsOf([count, own, destination, ...more]: readonly string[]):
  | DriverOptions
  | undefined {
  let payloadBytes = PAYLOAD_BYTES
  let lifetimeSec = LIFETIME_SEC
  let rateBitsPerSec: number | undefined
  for (const word of more.slice(0, 3)) {
    const value = leadingInteger(word.slice(1))
    if (word.startsWith('t')) lifetimeSec = value > 0 ? value : LIFETIME_SEC
    else if (word.startsWith('i')) rateBitsPerSec = value > 0 ? value : undefined
    else payloadBytes = leadingInteger(word)
  }
  const cycles = Math.abs(leadingInteger(count ?? ''))
  const [ownEndpoint, destinationEndpoint] = [endpointOf(own), endpointOf(destination)]
  if (cycles === 0 || payloadBytes === 0) return undefined
  if (Math.abs(payloadBytes) > DRIVEN_PAYLOAD_BYTES_MAX) return undefined
  if (ownEndpoint === undefined || destinationEndpoint === undefined) return undefined
  return {
    cycles,
    own: ownEndpoint,
    destination: destinationEndpoint,
    payloadBytes: Math.abs(payloadBytes),
    isStreaming: payloadBytes < 0,
    lifetimeMs: lifetimeSec * 1000,
    rateBitsPerSec,
  }
}

class Driver {
  readonly #options: DriverOptions
  readonly #ports: ToolPorts
  /** Sent and not yet durable. */
  readonly #unstored = new Set<Promise<void>>()
  #unstoredBytes = 0
  #remaining: number
  #bytes = 0
  #isRunning = true
  /** Why sending ended, where it failed. */
  #failure: unknown

  constructor(options: DriverOptions, ports: ToolPorts) {
    this.#options = options
    this.#ports = ports
    this.#remaining = options.cycles
  }

  async run(): Promise<number> {
    const { own, isStreaming, cycles } = this.#options
    const { clock, interrupted } = this.#ports
    const receiver = await Receiver.open(own, this.#ports)
    interrupted.then(
      () => this.#stop(),
      () => {},
    )
    await sendPatiently(this.#adu(fromUtf8(PILOT)), this.#ports)
    if (!isStreaming) await this.#awaitAnswer(receiver)
    await pause(clock, AFTER_PILOT_MS)
    const startedAt = clock.now()
    if (isStreaming) await this.#stream(startedAt)
    else await this.#takeTurns(receiver)
    const durationMs = clock.now() - startedAt
    if (this.#failure !== undefined) throw this.#failure
    printLine(this.#ports, 'Stopping bpdriver.')
    printLine(this.#ports, `Total bundles: ${cycles - this.#remaining}`)
    for (const line of rateLines(durationMs, this.#bytes)) printLine(this.#ports, line)
    return 0
  }

  async #takeTurns(receiver: Receiver): Promise<void> {
    while (this.#isRunning && this.#remaining > 0) {
      await this.#send(this.#payload())
      if (this.#isRunning) await this.#awaitAnswer(receiver)
    }
  }

  /** As many at once as share a flush, so that each need not wait for its own. */
  async #stream(startedAt: MonoMs): Promise<void> {
    const { rateBitsPerSec, cycles } = this.#options
    let bits = 0
    for (let begun = 0; begun < cycles && this.#isRunning; begun++) {
      const payload = this.#payload()
      while (this.#isFull(payload.length)) await Promise.race(this.#unstored)
      if (rateBitsPerSec !== undefined) {
        await this.#waitUntil(addMs(startedAt, (bits * 1000) / rateBitsPerSec))
        bits += payload.length * 8
      }
      if (!this.#isRunning) break
      this.#unstoredBytes += payload.length
      const sending = this.#send(payload).finally(() => {
        this.#unstoredBytes -= payload.length
        this.#unstored.delete(sending)
      })
      this.#unstored.add(sending)
    }
    await Promise.all(this.#unstored)
  }

  #isFull(bytes: number): boolean {
    const count = this.#unstored.size
    if (count === 0) return false
    return count >= DRIVEN_UNSTORED_MAX || this.#unstoredBytes + bytes > DRIVEN_UNSTORED_BYTES_MAX
  }

  async #waitUntil(at: MonoMs): Promise<void> {
    const { clock, interrupted } = this.#ports
    const waitMs = at - clock.now()
    if (waitMs > 0) await Promise.race([pause(clock, waitMs), interrupted])
  }

  async #send(payload: Uint8Array): Promise<void> {
    try {
      const bundle = await sendPatiently(this.#adu(payload), this.#ports)
      if (bundle === undefined) return
    } catch (error) {
      this.#failure ??= error
      this.#isRunning = false
      return
    }
    this.#bytes += payload.length
    this.#remaining--
    if (this.#remaining % TOLD_EVERY === 0) printLine(this.#ports, String(this.#remaining))
  }

  async #awaitAnswer(receiver: Receiver): Promise<void> {
    const reception = await receiver.next()
    if (reception.type === 'payload') reception.received.take()
    else this.#isRunning = false
  }

  #adu(payload: Uint8Array): SendAdu {
    const { own, destination, lifetimeMs } = this.#options
    return { source: own, destination, payload, lifetimeMs, reports: [] }
  }

  /** ION's: `test...` and zeros. */
  #payload(): Uint8Array {
    const { payloadBytes } = this.#options
    const chosen = ((this.#ports.entropy.bytes(1)[0] ?? 0) % 60) + 1
    const payload = new Uint8Array(payloadBytes === 1 ? chosen * 1024 : payloadBytes)
    payload.set(fromUtf8('test...').subarray(0, payload.length))
    return payload
  }

  #stop(): void {
    this.#isRunning = false
    printLine(this.#ports, 'Catched Ctrl-C!!!')
  }
}
