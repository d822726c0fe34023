import { concat, fromUtf8 } from '../../base/bytes.ts'
import { PRINTED_PAYLOAD_BYTES_MAX } from './limits.ts'
import { Receiver } from './reception.ts'
import { endpointOf, printLine, type Tool, type ToolPorts } from './tool.ts'

/** Prints what comes to an endpoint. */
export const bpsink: Tool = {
  usage: 'Usage: bpsink <own endpoint ID>\n',
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
          if (reception.type === 'payload') {
            const { adu, take } = reception.received
            printPayload(ports, adu.payload)
            take()
            continue
          }
          if (reception.type === 'interrupted') {
            printLine(ports, 'BP reception interrupted.')
            printLine(ports, 'ION event: Reception interrupted.')
          } else {
            printLine(ports, 'ION event: Endpoint stopped.')
          }
          printLine(ports, 'Stopping bpsink.')
          return 0
        }
      },
    }
  },
}

/** The payload's own bytes, up to its first NUL, as ION prints them. */
function printPayload(ports: ToolPorts, payload: Uint8Array): void {
  printLine(ports, 'ION event: Payload delivered.')
  printLine(ports, `\tpayload length is ${payload.length}.`)
  if (payload.length > PRINTED_PAYLOAD_BYTES_MAX) return
  const nul = payload.indexOf(0)
  const text = nul < 0 ? payload : payload.subarray(0, nul)
  ports.output(concat(fromUtf8("\t'"), text, fromUtf8("'\n")))
}
