import { fromUtf8 } from '../../base/bytes.ts'
import { type EndpointId, NULL_ENDPOINT } from '../../proto/bpv7/endpoint-id.ts'
import { InputLines } from './lines.ts'
import { sendPatiently } from './patience.ts'
import { endpointOf, leadingInteger, type Tool, type ToolPorts } from './tool.ts'

const LIFETIME_SEC = 300

/** Sends text: that of its argument, or each line of standard input in a bundle of its own. */
export const bpsource: Tool = {
  usage: 'Usage: bpsource <destination endpoint ID> ["<text>"] [-t<Bundle TTL>]\n',
  usageOn: 'output',
  parse: ([to, ...words]) => {
    const destination = endpointOf(to)
    const isLifetime = (word: string): boolean => word.startsWith('-t')
    const lifetime = words.slice(0, 2).find(isLifetime)
    const text = words.slice(0, 2).find((word) => !isLifetime(word))
    const lifetimeSec = lifetime === undefined ? LIFETIME_SEC : leadingInteger(lifetime.slice(2))
    if (destination === undefined || lifetimeSec <= 0) return undefined
    return {
      own: undefined,
      run: async (ports) => {
        const source = { destination, lifetimeMs: lifetimeSec * 1000, ports }
        if (text === undefined) await sendLines(source)
        else if (text !== '') await send(fromUtf8(text), source)
        return 0
      },
    }
  },
}

interface Source {
  readonly destination: EndpointId
  readonly lifetimeMs: number
  readonly ports: ToolPorts
}

async function sendLines(source: Source): Promise<void> {
  const lines = new InputLines(source.ports)
  for (;;) {
    source.ports.output(fromUtf8(': '))
    const line = await lines.next()
    if (line === undefined || line[0] === 0x21) return
    if (line.length > 0) await send(line, source)
  }
}

async function send(
  payload: Uint8Array,
  { destination, lifetimeMs, ports }: Source,
): Promise<void> {
  const adu = { source: NULL_ENDPOINT, destination, payload, lifetimeMs, reports: [] }
  await sendPatiently(adu, ports)
}
