import { describe, expect, it } from 'vitest'
import { addMs } from '../../src/base/time.ts'
import type { Clock } from '../../src/ports/clock.ts'
import { signal, type World, within } from './world.ts'

export interface ClockWorld extends World {
  readonly clock: Clock
}

/** The contract of `src/ports/clock.ts`. */
export function describeClock(name: string, make: () => Promise<ClockWorld>): void {
  const inWorld = (body: (world: ClockWorld) => Promise<void>) => () => within(make, body)
  const reached = ({ clock }: ClockWorld, delayMs: number): Promise<void> => {
    const { promise, fire } = signal()
    clock.at(addMs(clock.now(), delayMs), fire)
    return promise
  }

  describe(`the clock contract: ${name}`, () => {
    it(
      'calls back at or after the instant asked for, never before',
      inWorld(async (world) => {
        const at = addMs(world.clock.now(), 12)
        const { promise, fire } = signal<number>()
        world.clock.at(at, () => fire(world.clock.now()))
        expect(await promise).toBeGreaterThanOrEqual(at)
      }),
    )

    it(
      'calls back for an instant that is past, but not from inside the call',
      inWorld(async ({ clock }) => {
        let returned = false
        const { promise, fire } = signal<boolean>()
        clock.at(addMs(clock.now(), -1000), () => fire(returned))
        returned = true
        expect(await promise).toBe(true)
      }),
    )

    it(
      'keeps the order of instants',
      inWorld(async (world) => {
        const order: string[] = []
        const start = world.clock.now()
        world.clock.at(addMs(start, 20), () => order.push('second'))
        world.clock.at(addMs(start, 5), () => order.push('first'))
        await reached(world, 40)
        expect(order).toEqual(['first', 'second'])
      }),
    )

    it(
      'calls back once',
      inWorld(async (world) => {
        let calls = 0
        world.clock.at(addMs(world.clock.now(), 1), () => calls++)
        await reached(world, 10)
        await reached(world, 10)
        expect(calls).toBe(1)
      }),
    )

    it(
      'forgets a callback that is cancelled, and bears cancelling again or too late',
      inWorld(async (world) => {
        let calls = 0
        const cancel = world.clock.at(addMs(world.clock.now(), 1), () => calls++)
        cancel()
        cancel()
        await reached(world, 10)
        expect(calls).toBe(0)
        const { promise, fire } = signal()
        const tooLate = world.clock.at(world.clock.now(), fire)
        await promise
        tooLate()
      }),
    )

    it(
      'does not call back early for an instant beyond 2^31 milliseconds',
      inWorld(async (world) => {
        let calls = 0
        const cancel = world.clock.at(addMs(world.clock.now(), 2 ** 31 + 60_000), () => calls++)
        await reached(world, 10)
        expect(calls).toBe(0)
        cancel()
      }),
    )

    it(
      'may be asked for a further instant from inside a callback',
      inWorld(async ({ clock }) => {
        const { promise, fire } = signal()
        clock.at(clock.now(), () => clock.at(clock.now(), fire))
        await promise
      }),
    )

    it(
      'never goes backwards, and tells the civil time in milliseconds since 1970',
      inWorld(async (world) => {
        const before = world.clock.now()
        await reached(world, 3)
        expect(world.clock.now()).toBeGreaterThan(before)
        expect(world.clock.wall()).toBeGreaterThan(946_684_800_000)
      }),
    )
  })
}
