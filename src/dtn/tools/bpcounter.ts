import { addMs, type MonoMs } from '../../base/time.ts'
import { Receiver } from './reception.ts'
import {
  endpointOf,
  leadingInteger,
  printLine,
  rateLines,
  type Tool,
  type ToolPorts,
} from './tool.ts'

const COUNT_MAX = 2_000_000_000
const TELLING_MS = 5000
/** What bpdriver sends first, `Go.`: it starts the clock and is not counted. */
const PILOT_BYTES = 3

/** Counts what comes to an endpoint and measures its rate. */
export const bpcounter: Tool = {
  usage: 'Usage: bpcounter <own endpoint ID> [<max count>]\n',
  usageOn: 'output',
  parse: ([own, count]) => {
    const endpoint = endpointOf(own)
    if (endpoint === undefined) return undefined
    const wanted = leadingInteger(count ?? '')
    return {
      own: endpoint,
      run: async (ports) => {
        const receiver = await Receiver.open(endpoint, ports)
        await new Counter(ports, wanted < 1 ? COUNT_MAX : wanted).run(receiver)
        return 0
      },
    }
  },
}

class Counter {
  readonly #ports: ToolPorts
  readonly #wanted: number
  /** Below 0 until the first has come. */
  #bundles = -1
  #bytes = 0
  #hadPilot = false
  #startedAt: MonoMs | undefined
  #cancelTelling = (): void => {}

  constructor(ports: ToolPorts, wanted: number) {
    this.#ports = ports
    this.#wanted = wanted
  }

  async run(receiver: Receiver): Promise<void> {
    this.#tellAt(addMs(this.#ports.clock.now(), TELLING_MS))
    while (this.#bundles !== this.#wanted) {
      const reception = await receiver.next()
      if (reception.type === 'payload') {
        this.#count(reception.received.adu.payload.length)
        reception.received.take()
        continue
      }
      if (reception.type === 'interrupted') printLine(this.#ports, 'BP reception interrupted.')
      break
    }
    const now = this.#ports.clock.now()
    this.#cancelTelling()
    this.#tell()
    printLine(this.#ports, `Stopping bpcounter; bundles received: ${this.#bundles}`)
    if (this.#bundles <= 0) return
    for (const line of rateLines(now - (this.#startedAt ?? now), this.#bytes)) {
      printLine(this.#ports, line)
    }
  }

  #count(bytes: number): void {
    if (this.#startedAt === undefined) {
      this.#startedAt = this.#ports.clock.now()
      this.#bundles = 0
    }
    if (bytes === PILOT_BYTES && !this.#hadPilot) {
      this.#hadPilot = true
      return
    }
    this.#bundles++
    this.#bytes += bytes
  }

  #tellAt(at: MonoMs): void {
    this.#cancelTelling = this.#ports.clock.at(at, () => {
      this.#tell()
      this.#tellAt(addMs(at, TELLING_MS))
    })
  }

  #tell(): void {
    printLine(this.#ports, `Bundles received: ${Math.max(0, this.#bundles)}`)
  }
}
