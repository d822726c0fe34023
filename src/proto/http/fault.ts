import { Fault } from '../../base/fault.ts'

export type HttpFaultCode =
  /** Not HTTP/1.1 as it is read here. `detail.status` is what a server answers. */
  'http/bad-message' | 'http/timed-out' | 'http/ended'

/** `status` is what a server answers: 400, 413, 431, 501 or 505. */
export function badMessage(status: number, what: string): Fault<HttpFaultCode> {
  return new Fault('http/bad-message', what, { temporary: true, detail: { status } })
}
