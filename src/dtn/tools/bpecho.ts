import { fromUtf8 } from '../../base/bytes.ts'
import { isNullEndpoint } from '../../proto/bpv7/endpoint-id.ts'
import { ECHOED_BYTES_MAX } from './limits.ts'
import { sendPatiently } from './patience.ts'
import { Receiver } from './reception.ts'
import { endpointOf, printLine, type Tool } from './tool.ts'

const LIFETIME_MS = 300_000

/** Sends back what comes to an endpoint. */
export const bpecho: Tool = {
  usage: 'Usage: bpecho <own endpoint ID>\n',
  usageOn: 'output',
  parse: ([own]) => {
    const endpoint = endpointOf(own)
    if (endpoint === undefined) return undefined
    return {
      own: endpoint,
      run: async (ports) => {
        const receiver = await Receiver.open(endpoint, ports)
        for (;;) {
          const reception = await receiver.next()
          if (reception.type === 'interrupted') printLine(ports, 'BP reception interrupted.')
          if (reception.type !== 'payload') {
            ports.output(fromUtf8(reception.type === 'interrupted' ? '!' : 'X'))
            return 0
          }
          const { adu, take } = reception.received
          ports.output(fromUtf8('.'))
          if (!isNullEndpoint(adu.source)) {
            const echo = {
              source: endpoint,
              destination: adu.source,
              payload: adu.payload.slice(0, ECHOED_BYTES_MAX),
              lifetimeMs: LIFETIME_MS,
              reports: [],
            }
            await sendPatiently(echo, ports)
          }
          take()
        }
      },
    }
  },
}
