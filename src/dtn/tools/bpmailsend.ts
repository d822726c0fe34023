import { concat, fromUtf8 } from '../../base/bytes.ts'
import type { EndpointId } from '../../proto/bpv7/endpoint-id.ts'
import { BODY_BYTES_MAX } from '../control/limits.ts'
import { MAIL_TOPIC, optionsOf, TRY_AGAIN_LATER, unsigned } from './bpmail-arguments.ts'
import { endpointOf, type Tool, type ToolPorts } from './tool.ts'

/**
 * Sends standard input to the end, compressed, as one item of DTPC. Ends when the node has it on its
 * disk. What bpmail calls failure is 1 here too, but for what may be otherwise later: a caller such as
 * Postfix keeps the mail then.
 */
export const bpmailsend: Tool = {
  usage: 'usage: bpmailsend [ -t topic_id ] profile_id dest_eid\n',
  usageOn: 'errors',
  usageStatus: 1,
  temporaryStatus: TRY_AGAIN_LATER,
  parse: (args) => {
    const { options, words } = optionsOf(args, { t: 'value' })
    const [profileText = '', to] = words
    const profile = unsigned(profileText)
    const destination = endpointOf(to)
    const topic = unsigned(options?.get('t') ?? String(MAIL_TOPIC))
    if (options === undefined || words.length !== 2) return undefined
    if (profile === undefined || destination === undefined || topic === undefined) return undefined
    return {
      own: undefined,
      run: (ports) => send({ destination, profile, topic }, ports),
    }
  },
}

async function send(
  item: { readonly destination: EndpointId; readonly profile: number; readonly topic: number },
  ports: ToolPorts,
): Promise<number> {
  const chunks: Uint8Array[] = []
  let sizeBytes = 0
  for (let chunk = await ports.input(); chunk !== undefined; chunk = await ports.input()) {
    chunks.push(chunk)
    sizeBytes += chunk.length
    if (sizeBytes > BODY_BYTES_MAX) {
      ports.errors(fromUtf8('content too large to send\n'))
      return 1
    }
  }
  if (sizeBytes === 0) {
    ports.errors(fromUtf8('error or nothing to read from stdin; nothing to send\n'))
    return 1
  }
  const bytes = await ports.packing.pack(concat(...chunks), { format: 'zlib' })
  await ports.client.sendItem({ ...item, bytes })
  return 0
}
