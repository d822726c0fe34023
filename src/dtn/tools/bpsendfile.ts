import { Fault } from '../../base/fault.ts'
import { isNullEndpoint, NULL_ENDPOINT } from '../../proto/bpv7/endpoint-id.ts'
import { BODY_BYTES_MAX } from '../control/limits.ts'
import { sendPatiently } from './patience.ts'
import { Receiver } from './reception.ts'
import { endpointOf, leadingInteger, printLine, type Tool, type ToolPorts } from './tool.ts'

const LIFETIME_SEC = 300

/** Sends a file in one bundle. */
export const bpsendfile: Tool = {
  usage:
    'Usage: bpsendfile <own endpoint ID> <destination endpoint ID> <file name> [<class of service> [<time to live (seconds)>]]\n',
  usageOn: 'output',
  parse: ([from, to, file, _classOfService, timeToLive]) => {
    const [source, destination] = [endpointOf(from), endpointOf(to)]
    if (source === undefined || destination === undefined || file === undefined) return undefined
    const wanted = leadingInteger(timeToLive ?? '')
    const lifetimeMs = (wanted > 0 ? wanted : LIFETIME_SEC) * 1000
    const isAnonymous = isNullEndpoint(source)
    return {
      own: isAnonymous ? undefined : source,
      run: async (ports) => {
        const payload = await readWhole(file, ports)
        if (!isAnonymous) await Receiver.open(source, ports)
        const adu = { destination, payload, lifetimeMs, reports: [] }
        await sendPatiently(
          isAnonymous ? { ...adu, source: NULL_ENDPOINT } : { ...adu, source, reportTo: source },
          ports,
        )
        printLine(ports, 'Stopping bpsendfile.')
        return 0
      },
    }
  },
}

/** Rejects with a Fault, also where the file is empty or larger than a bundle may be. */
async function readWhole(file: string, { disk, directory }: ToolPorts): Promise<Uint8Array> {
  const reader = await disk.open(file.startsWith('/') ? file : `${directory}/${file}`)
  try {
    const { sizeBytes } = reader
    if (sizeBytes === 0) throw new Fault('disk/failed', `${file} is empty`, { temporary: false })
    if (sizeBytes > BODY_BYTES_MAX) {
      const message = `${file} has ${sizeBytes} bytes; a bundle takes ${BODY_BYTES_MAX}`
      throw new Fault('disk/failed', message, { temporary: false })
    }
    return await reader.read(0, sizeBytes)
  } finally {
    await reader.close()
  }
}
