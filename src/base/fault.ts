/** Stable, searchable name of a kind of failure: `folder/what-happened`. */
export type FaultCode = `${string}/${string}`

export interface FaultOptions {
  /** Worth trying again later: decides 4xx or 5xx, retry or bounce, retransmit or refuse. */
  readonly temporary: boolean
  readonly detail?: Readonly<Record<string, string | number>>
  readonly cause?: unknown
}

/**
 * Everything that can go wrong without being a mistake of ours. `message` is for the log; what a
 * peer is told is chosen where the protocol's answer is made.
 *
 * Each folder lists its codes in one union and narrows the class with it.
 */
export class Fault<Code extends FaultCode = FaultCode> extends Error {
  override readonly name: string = 'Fault'
  readonly code: Code
  readonly temporary: boolean
  readonly detail: Readonly<Record<string, string | number>>

  constructor(code: Code, message: string, options: FaultOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.temporary = options.temporary
    this.detail = options.detail ?? {}
  }
}

export type Result<T, Code extends FaultCode = FaultCode> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault<Code> }

/** The one place where a codec's inner `throw` becomes a value; whatever is not a Fault goes on. */
export function attempt<T>(action: () => T): Result<T> {
  try {
    return { ok: true, value: action() }
  } catch (error) {
    return { ok: false, fault: asFault(error) }
  }
}

/** For a `catch`: the Fault, or the mistake of ours thrown on. */
export function asFault(error: unknown): Fault {
  if (error instanceof Fault) return error
  throw error
}
