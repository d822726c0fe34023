import type { Machine } from '../base/machine.ts'
import type { MonoMs } from '../base/time.ts'
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
  let armed: { readonly at: MonoMs; readonly cancel: () => void } | undefined
  const feed = (event: Event | { readonly type: 'tick' }): void => {
    if (draining) {
      inbox.push(event)
      return
    }
    draining = true
    try {
      let next: Event | { readonly type: 'tick' } | undefined = event
      for (; next !== undefined; next = inbox.shift()) {
        for (const effect of machine.handle(next, clock.now())) perform(effect, feed)
      }
    } finally {
      draining = false
    }
    armTimer()
  }
  // A timer armed too early only costs a spurious tick, so one that is early enough is left alone.
  // One that nobody waits for goes: it would keep the machine and its stream in memory.
  const armTimer = (): void => {
    const at = machine.deadline
    if (armed !== undefined && at !== undefined && armed.at <= at) return
    armed?.cancel()
    armed = undefined
    if (at === undefined) return
    const cancel = clock.at(at, () => {
      armed = undefined
      feed({ type: 'tick' })
    })
    armed = { at, cancel }
  }
  return feed
}
