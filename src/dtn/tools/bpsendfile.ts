import { isNullEndpoint, NULL_ENDPOINT } from '../../proto/bpv7/endpoint-id.ts'
import { readWhole } from './files.ts'
import { sendPatiently } from './patience.ts'
import { Receiver } from './reception.ts'
import { endpointOf, leadingInteger, printLine, type Tool } from './tool.ts'

const LIFETIME_SEC = 300

/** Sends a file in one bundle. */
export const bpsendfile: Tool = {
  usage:
    'Usage: bpsendfile <own endpoint ID> <destination endpoint ID> <file name> [<class of service> [<time to live (seconds)>]]\n',
  usageOn: 'output',
  parse: ([own, to, file, _classOfService, timeToLive]) => {
    const [source, destination] = [endpointOf(own), endpointOf(to)]
    if (source === undefined || destination === undefined || file === undefined) return undefined
    const wanted = leadingInteger(timeToLive ?? '')
    const lifetimeMs = (wanted > 0 ? wanted : LIFETIME_SEC) * 1000
    const isAnonymous = isNullEndpoint(source)
    return {
      own: isAnonymous ? undefined : source,
      run: async (ports) => {
        const payload = await readWhole(file, ports)
        if (!isAnonymous) await Receiver.open(source, ports)
        const from = isAnonymous ? NULL_ENDPOINT : source
        await sendPatiently({ source: from, destination, payload, lifetimeMs, reports: [] }, ports)
        printLine(ports, 'Stopping bpsendfile.')
        return 0
      },
    }
  },
}
