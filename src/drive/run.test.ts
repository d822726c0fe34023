import { expect, test } from 'vitest'
import { type MonoMs, monoMs, wallMs } from '../base/time.ts'
import type { Clock } from '../ports/clock.ts'
import { runMachine } from './run.ts'

type Event = { type: 'go'; name: string } | { type: 'tick' }

/** A clock that runs when told to, and a machine that notes what it hears. */
function build(effectsOf: (event: Event) => readonly string[]) {
  const heard: string[] = []
  const timers: { at: MonoMs; callback: () => void }[] = []
  let now = 0
  const clock: Clock = {
    now: () => monoMs(now),
    wall: () => wallMs(0),
    at: (at, callback) => {
      const timer = { at, callback }
      timers.push(timer)
      return () => timers.splice(timers.indexOf(timer), 1)
    },
  }
  const machine = {
    deadline: undefined as MonoMs | undefined,
    handle(event: Event, at: MonoMs): readonly string[] {
      heard.push(event.type === 'tick' ? `tick ${at}` : event.name)
      return effectsOf(event)
    },
  }
  const advance = (to: number): void => {
    now = to
    for (const timer of timers.filter(({ at }) => at <= to)) {
      timers.splice(timers.indexOf(timer), 1)
      timer.callback()
    }
  }
  return { heard, timers, clock, machine, advance }
}

const go = (name: string): Event => ({ type: 'go', name })

test('an answer fed while effects are carried out waits until all of them are', () => {
  const { heard, clock, machine } = build((event) =>
    event.type === 'go' && event.name === 'first' ? ['ask', 'send'] : [],
  )
  const performed: string[] = []
  const feed = runMachine<Event, string>(machine, clock, (effect, answer) => {
    if (effect === 'ask') answer(go('answer'))
    performed.push(`${effect} after ${heard.length}`)
  })
  feed(go('first'))
  expect(performed).toEqual(['ask after 1', 'send after 1'])
  expect(heard).toEqual(['first', 'answer'])
})

test('the deadline wakes the machine with a tick, once', () => {
  const { heard, timers, clock, machine, advance } = build((event) => {
    if (event.type === 'tick') machine.deadline = undefined
    return []
  })
  const feed = runMachine<Event, string>(machine, clock, () => {})
  machine.deadline = monoMs(10)
  feed(go('first'))
  feed(go('second'))
  expect(timers.length).toBe(1)
  advance(10)
  expect(heard).toEqual(['first', 'second', 'tick 10'])
  expect(timers.length).toBe(0)
})

test('a deadline that moves nearer arms a new timer; one that moves away costs one early tick', () => {
  const { heard, timers, clock, machine, advance } = build(() => [])
  const feed = runMachine<Event, string>(machine, clock, () => {})
  machine.deadline = monoMs(20)
  feed(go('a'))
  machine.deadline = monoMs(10)
  feed(go('b'))
  expect(timers.map(({ at }) => at)).toEqual([10])
  machine.deadline = monoMs(30)
  feed(go('c'))
  advance(10)
  expect(heard.slice(3)).toEqual(['tick 10'])
  expect(timers.map(({ at }) => at)).toEqual([30])
})

test('a machine that wants no more ticks leaves nothing armed behind', () => {
  const { heard, timers, clock, machine, advance } = build((event) => {
    machine.deadline = event.type === 'go' && event.name === 'ended' ? undefined : monoMs(10)
    return []
  })
  const feed = runMachine<Event, string>(machine, clock, () => {})
  feed(go('first'))
  feed(go('ended'))
  expect(timers).toEqual([])
  advance(10)
  feed(go('again'))
  expect(timers.map(({ at }) => at)).toEqual([10])
  expect(heard).toEqual(['first', 'ended', 'again'])
})

test('after an effect that throws, events are heard again', () => {
  const { heard, clock, machine } = build(() => ['break'])
  let broken = true
  const feed = runMachine<Event, string>(machine, clock, () => {
    if (broken) throw new Error('ours')
  })
  expect(() => feed(go('first'))).toThrow('ours')
  broken = false
  feed(go('second'))
  expect(heard).toEqual(['first', 'second'])
})
