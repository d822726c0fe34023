/** Parameters of MAIL and RCPT, each by its keyword, as text and as data. RFC 5321 §4.1.1.11. */

import { formatTimestamp, parseTimestamp } from '../../base/calendar.ts'
import type { MailParameters, NotifyKind, RecipientParameters } from './envelope.ts'
import { type SmtpFault, smtpFault } from './fault.ts'
import { decodeXtext, encodeXtext, isPrintable } from './xtext.ts'

/** A keyword's value, `''` where it has none; undefined where that is no value of it. */
type Reader<Parameters> = (value: string) => Partial<Parameters> | undefined

const MAIL: Readonly<Record<string, Reader<MailParameters>>> = {
  SIZE: (value) => (/^\d{1,20}$/.test(value) ? { sizeBytes: Number(value) } : undefined),
  BODY: (value) => {
    const body = value.toUpperCase()
    return body === '7BIT' || body === '8BITMIME' || body === 'BINARYMIME' ? { body } : undefined
  },
  // We trust no client to speak for another, so the value is read and forgotten. RFC 2554 §5.
  AUTH: (value) => (decodeXtext(value) ? {} : undefined),
  SMTPUTF8: (value) => (value === '' ? { smtpUtf8: true } : undefined),
  RET: (value) => {
    const ret = value.toUpperCase()
    return ret === 'FULL' || ret === 'HDRS' ? { ret } : undefined
  },
  ENVID: (value) => {
    const envelopeId = value.length > ENVELOPE_ID_MAX ? undefined : decodeXtext(value)
    return isPrintable(envelopeId) ? { envelopeId } : undefined
  },
  BY: readDeliverBy,
  HOLDFOR: (value) =>
    /^[1-9]\d{0,8}$/.test(value) ? { hold: { forSec: Number(value) } } : undefined,
  HOLDUNTIL: (value) => {
    const until = parseTimestamp(value)
    return until === undefined ? undefined : { hold: { until } }
  },
  'MT-PRIORITY': (value) => (/^(0|-?[1-9])$/.test(value) ? { priority: Number(value) } : undefined),
  REQUIRETLS: (value) => (value === '' ? { requireTls: true } : undefined),
}

const RECIPIENT: Readonly<Record<string, Reader<RecipientParameters>>> = {
  NOTIFY: (value) => {
    const notify = value.toLowerCase().split(',')
    const isSound = value.toLowerCase() === 'never' || notify.every(isOccasion)
    return isSound ? { notify: [...new Set(notify as NotifyKind[])] } : undefined
  },
  ORCPT: (value) => {
    const match = /^([A-Za-z0-9!#$%&'*/?^_`{|}~.-]+);(.+)$/.exec(value)
    const address = value.length > ORIGINAL_RECIPIENT_MAX ? undefined : decodeXtext(match?.[2])
    return isPrintable(address)
      ? { originalRecipient: { type: match?.[1] ?? '', address } }
      : undefined
  },
}

/** RFC 3461 §4.4, RFC 3461 §4.2: as encoded. */
const ENVELOPE_ID_MAX = 100
const ORIGINAL_RECIPIENT_MAX = 500

/** Throws a Fault for what is none of MAIL's; `text` is what follows the path. */
export function parseMailParameters(text: string): MailParameters {
  return parse(text, MAIL)
}

/** Throws a Fault for what is none of RCPT's; `text` is what follows the path. */
export function parseRecipientParameters(text: string): RecipientParameters {
  return parse(text, RECIPIENT)
}

/** Each with a space before it. */
export function formatMailParameters(parameters: MailParameters): string {
  const { sizeBytes, body, smtpUtf8, ret, envelopeId, deliverBy, hold, priority, requireTls } =
    parameters
  return together(
    sizeBytes !== undefined && `SIZE=${sizeBytes}`,
    body !== undefined && `BODY=${body}`,
    smtpUtf8 && 'SMTPUTF8',
    ret !== undefined && `RET=${ret}`,
    envelopeId !== undefined && `ENVID=${encodeXtext(envelopeId)}`,
    deliverBy !== undefined &&
      `BY=${deliverBy.seconds};${deliverBy.mode === 'return' ? 'R' : 'N'}${deliverBy.trace ? 'T' : ''}`,
    hold !== undefined &&
      ('forSec' in hold ? `HOLDFOR=${hold.forSec}` : `HOLDUNTIL=${formatTimestamp(hold.until)}`),
    priority !== undefined && `MT-PRIORITY=${priority}`,
    requireTls && 'REQUIRETLS',
  )
}

/** Each with a space before it. */
export function formatRecipientParameters(parameters: RecipientParameters): string {
  const { notify, originalRecipient } = parameters
  return together(
    notify !== undefined && `NOTIFY=${notify.join(',').toUpperCase()}`,
    originalRecipient !== undefined &&
      `ORCPT=${originalRecipient.type};${encodeXtext(originalRecipient.address)}`,
  )
}

function parse<Parameters extends object>(
  text: string,
  readers: Readonly<Record<string, Reader<Parameters>>>,
): Parameters {
  let parameters: Partial<Parameters> = {}
  const seen = new Set<string>()
  for (const parameter of text.split(' ')) {
    if (parameter === '') continue
    const equals = parameter.indexOf('=')
    const keyword = (equals < 0 ? parameter : parameter.slice(0, equals)).toUpperCase()
    if (!Object.hasOwn(readers, keyword)) throw unknownParameter(parameter)
    const read = readers[keyword]?.(equals < 0 ? '' : parameter.slice(equals + 1))
    // HOLDFOR and HOLDUNTIL exclude each other.
    const kind = keyword.startsWith('HOLD') ? 'HOLD' : keyword
    if (read === undefined || seen.has(kind)) {
      throw smtpFault('smtp/bad-arguments', `Bad parameter: ${parameter}`)
    }
    seen.add(kind)
    parameters = { ...parameters, ...read }
  }
  return parameters as Parameters
}

export function unknownParameter(parameter: string): SmtpFault {
  return smtpFault('smtp/unknown-parameter', `Unsupported option: ${parameter}`)
}

/** RFC 2852: seconds, `N` or `R`, and `T` where every relay is to tell. */
function readDeliverBy(value: string): Partial<MailParameters> | undefined {
  const match = /^([+-]?\d{1,9});([NR])(T?)$/i.exec(value)
  if (match === null) return undefined
  const seconds = Number(match[1]) + 0
  const mode = match[2]?.toUpperCase() === 'R' ? 'return' : 'notify'
  // What is to come back must have some time left to arrive.
  if (mode === 'return' && seconds <= 0) return undefined
  return { deliverBy: { seconds, mode, trace: match[3] !== '' } }
}

function isOccasion(kind: string): boolean {
  return kind === 'success' || kind === 'failure' || kind === 'delay'
}

function together(...parts: readonly (string | false | undefined)[]): string {
  return parts.map((part) => (part ? ` ${part}` : '')).join('')
}
