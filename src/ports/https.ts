/** Texts on web servers. `host` asks them, `lab` has a table. */

import { Fault } from '../base/fault.ts'

/** Temporary, whatever it was: somebody may mend it. */
export type HttpsFaultCode = 'https/failed'

export interface Https {
  /**
   * The plain text that `url` has: of a server whose certificate the system believes and that answers
   * 200 itself, for nobody is followed elsewhere. Rejects with a Fault for anything else, and where it
   * is larger or takes longer than it may.
   */
  getText(url: string, limits: HttpsLimits): Promise<string>
}

export interface HttpsLimits {
  readonly bytesMax: number
  readonly timeoutMs: number
}

export function httpsFault(message: string): Fault<HttpsFaultCode> {
  return new Fault('https/failed', message, { temporary: true })
}
