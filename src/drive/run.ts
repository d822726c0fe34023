import type { Machine } from '../base/machine.ts'
import type { Clock } from '../ports/clock.ts'

/**
 * Runs a machine: hands it one event at a time, has all effects of one carried out in order before
 * the next, and wakes it with a `tick` at its deadline. Returns the way in for events.
 *
 * An event that is fed while effects are being carried out, as a synchronous answer is, waits its
 * turn.
 */
export function runMachine<Event extends { readonly type: string }, Effect>(
  machine: Machine<Event | { readonly type: 'tick' }, Effect>,
  clock: Clock,
  perform: (effect: Effect, feed: (event: Event) => void) => void,
): (event: Event) => void {
  const inbox: (Event | { readonly type: 'tick' })[] = []
  let draining = false
  let armedAt: number | undefined
  let cancelTimer = (): void => {}
  const feed = (event: Event | { readonly type: 'tick' }): void => {
    inbox.push(event)
    if (draining) return
    draining = true
    try {
      for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
        for (const effect of machine.handle(next, clock.now())) perform(effect, feed)
      }
    } finally {
      draining = false
    }
    armTimer()
  }
  // A timer armed too early only costs a spurious tick, so one that is early enough is left alone.
  const armTimer = (): void => {
    const deadline = machine.deadline
    if (deadline === undefined || (armedAt !== undefined && armedAt <= deadline)) return
    cancelTimer()
    armedAt = deadline
    cancelTimer = clock.at(deadline, () => {
      armedAt = undefined
      feed({ type: 'tick' })
    })
  }
  return feed
}
