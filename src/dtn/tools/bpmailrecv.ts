import { asFault, Fault } from '../../base/fault.ts'
import { authorDomains } from '../../proto/message/author-domains.ts'
import { HeaderReader } from '../../proto/message/header.ts'
import { bareLfToCrlf } from '../../proto/message/line-endings.ts'
import { withoutField } from '../../proto/message/without-field.ts'
import type { ControlFaultCode } from '../control/fault.ts'
import type { ReceivedItem } from '../control/message.ts'
import type { TopicItem } from '../control/node-client.ts'
import { MAIL_TOPIC, optionsOf, TRY_AGAIN_LATER, unsigned } from './bpmail-arguments.ts'
import { MAIL_BYTES_MAX, MAIL_DOMAINS_MAX } from './limits.ts'
import type { Tool, ToolPorts } from './tool.ts'

interface Checks {
  readonly allowInvalidMime: boolean
  readonly verifyIpn: boolean
  readonly servers: readonly string[] | undefined
  readonly ipnFile: string | undefined
}

/**
 * Prints the next mail of a topic and ends. It leaves the node when its output has left; what is
 * refused leaves it too, with status 1. Where no name server answers, the mail stays.
 */
export const bpmailrecv: Tool = {
  usage:
    'usage: bpmailrecv [--allow-invalid-mime] [--no-verify-ipn | [-s dns_server_list] [--ipn-file file]] [-t topic_id]\n',
  usageOn: 'errors',
  usageStatus: 1,
  temporaryStatus: TRY_AGAIN_LATER,
  parse: (args) => {
    const { options, words } = optionsOf(args, {
      'allow-invalid-mime': 'flag',
      'no-verify-ipn': 'flag',
      'ipn-file': 'value',
      s: 'value',
      t: 'value',
    })
    const topic = unsigned(options?.get('t') ?? String(MAIL_TOPIC))
    if (options === undefined || words.length > 0 || topic === undefined) return undefined
    if (options.has('no-verify-ipn') && (options.has('s') || options.has('ipn-file')))
      return undefined
    const checks = {
      allowInvalidMime: options.has('allow-invalid-mime'),
      verifyIpn: !options.has('no-verify-ipn'),
      servers: options.get('s')?.split(','),
      ipnFile: options.get('ipn-file'),
    }
    return { own: undefined, run: (ports) => receive(topic, checks, ports) }
  },
}

async function receive(topic: number, checks: Checks, ports: ToolPorts): Promise<number> {
  const received = await next(topic, ports)
  if (received === undefined) return 0
  const { item, take } = received
  try {
    const message = await acceptable(item, checks, ports)
    ports.output(message)
    await ports.flushed()
    take()
    return 0
  } catch (error) {
    const fault = asFault(error)
    if (!fault.temporary) take()
    throw fault
  }
}

/** Undefined at Ctrl-C. Rejects where the node goes first, or has the topic open for another. */
function next(topic: number, { client, interrupted }: ToolPorts): Promise<TopicItem | undefined> {
  return new Promise((resolve, reject) => {
    client.onOver = reject
    interrupted.then(() => resolve(undefined), reject)
    client.openTopic(topic, resolve).catch(reject)
  })
}

/** What is to be printed. Rejects with a Fault: why the mail is refused. */
async function acceptable(
  { bytes, source }: ReceivedItem,
  { allowInvalidMime, verifyIpn, servers, ipnFile }: Checks,
  ports: ToolPorts,
): Promise<Uint8Array> {
  const message = await unpacked(bytes, ports)
  const header = new HeaderReader()
  header.push(message)
  header.end()
  const isValid = header.state === 'complete' && header.fields.length > 0
  if (!isValid && !allowInvalidMime) throw refused('could not parse message as MIME')
  if (verifyIpn) {
    const domains = authorDomains(header.fields)
    const names = ports.names({ servers, ipnFile })
    if (source.scheme !== 'ipn') throw refused('source is not of the ipn scheme')
    if (domains.length === 0 || domains.length > MAIL_DOMAINS_MAX) {
      throw refused('could not verify IPN: no author, or too many')
    }
    for (const domain of domains) {
      const { records } = await names.resolveIpn(domain)
      if (!records.includes(source.node)) {
        throw refused(`could not verify IPN: node ${source.node} is none of ${domain}`)
      }
    }
  }
  return isValid ? bareLfToCrlf(withoutField(message, 'return-path'), undefined) : message
}

/** What a version of bpmail before compression sent is there as it is. */
async function unpacked(bytes: Uint8Array, { packing }: ToolPorts): Promise<Uint8Array> {
  if (!looksLikeZlib(bytes)) return bytes
  return packing.unpack(bytes, { format: 'zlib', bytesMax: MAIL_BYTES_MAX })
}

/** Deflate, and a check of the two octets. RFC 1950 §2.2. */
function looksLikeZlib([cmf = 0, flags = 0]: Uint8Array): boolean {
  return (cmf & 0x0f) === 8 && cmf >> 4 <= 7 && (256 * cmf + flags) % 31 === 0
}

function refused(message: string): Fault<ControlFaultCode> {
  return new Fault('control/unacceptable', message, { temporary: false })
}
