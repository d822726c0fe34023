const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** How long peers have to hear of a close, when everything that was acknowledged is on the disk. */
const LEAVING_MS = 1000

let isHearing = false
let onSignal = (): void => process.exit(0)

/**
 * Ends the process with status 0 at a request to stop, until `signalled` is called: nothing has been
 * done yet. From then on there is one listener: a signal that came just before it was changed for
 * another would be lost.
 */
export function hearSignals(): void {
  if (isHearing) return
  isHearing = true
  for (const signal of SIGNALS) process.once(signal, () => onSignal())
}

/** Resolves at the first request to stop; a second one finds the default handler and ends at once. */
export function signalled(): Promise<void> {
  return new Promise((done) => {
    onSignal = done
    hearSignals()
  })
}

/** Ends the process soon: at once where nothing is open, else without those who do not close. */
export function leaveSoon(): void {
  setTimeout(() => process.exit(), LEAVING_MS).unref()
}

/** Calls back whenever the process is asked to read its files again. */
export function onHangup(callback: () => void): () => void {
  process.on('SIGHUP', callback)
  return () => void process.off('SIGHUP', callback)
}
