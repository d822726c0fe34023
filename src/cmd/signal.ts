/** Resolves at the first request to stop; a second one finds the default handler and ends at once. */
export function signalled(): Promise<void> {
  return new Promise((done) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => done())
  })
}
