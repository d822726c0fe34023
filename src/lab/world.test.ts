import { describe, expect, it } from 'vitest'
import { monoMs, wallMs } from '../base/time.ts'
import { after, HostClock, soon, World } from './world.ts'

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('the world', () => {
  it('jumps from event to event, and runs those of one moment in the order added', async () => {
    const world = new World({ settle })
    const heard: string[] = []
    const note = (text: string) => (): unknown => heard.push(`${text} at ${world.now()}`)
    world.at(monoMs(20), note('c'))
    world.at(monoMs(10), note('a'))
    world.at(monoMs(10), note('b'))
    world.at(monoMs(-5), note('past'))
    await world.run()
    expect(heard).toEqual(['past at 0', 'a at 10', 'b at 10', 'c at 20'])
  })

  it('runs what was long due at a moment before what is added at it', async () => {
    const world = new World({ settle })
    const heard: string[] = []
    const note = (text: string) => (): unknown => heard.push(`${text} at ${world.now()}`)
    world.at(monoMs(10), () => {
      soon(world, note('b'))
      const cancel = soon(world, () => expect.unreachable())
      world.at(monoMs(11), note('d'))
      soon(world, note('c'))
      cancel()
    })
    world.at(monoMs(10), note('a'))
    await world.run()
    expect(heard).toEqual(['a at 10', 'b at 10', 'c at 10', 'd at 11'])
  })

  it('says what is due next, and how many events there were', async () => {
    const world = new World({ settle })
    expect(world.nextAt).toBeUndefined()
    const cancel = world.at(monoMs(10), () => {})
    world.at(monoMs(20), () => {})
    expect(world.nextAt).toBe(10)
    cancel()
    expect(world.nextAt).toBe(20)
    await world.run()
    expect([world.nextAt, world.eventCount]).toEqual([undefined, 1])
  })

  it('keeps time still until every promise has settled', async () => {
    const world = new World({ settle })
    const heard: string[] = []
    world.at(monoMs(10), () => {
      const work = async (): Promise<void> => {
        for (let i = 0; i < 50; i++) await Promise.resolve()
        heard.push(`worked at ${world.now()}`)
      }
      void work()
    })
    world.at(monoMs(11), () => heard.push('next'))
    await world.run()
    expect(heard).toEqual(['worked at 10', 'next'])
  })

  it('runs up to a moment, which it then is, and no further', async () => {
    const world = new World({ settle })
    const heard: number[] = []
    for (const at of [10, 20, 30]) world.at(monoMs(at), () => heard.push(at))
    await world.run(monoMs(20))
    expect(heard).toEqual([10, 20])
    await world.run(monoMs(25))
    expect(world.now()).toBe(25)
    await world.run()
    expect(heard).toEqual([10, 20, 30])
  })

  it('runs until a condition holds', async () => {
    const world = new World({ settle })
    let count = 0
    const again = (): void => {
      count++
      after(world, 5, again)
    }
    again()
    await world.run(() => count === 4)
    expect(world.now()).toBe(15)
  })

  it('forgets what was cancelled, and does not wait for it', async () => {
    const world = new World({ settle })
    const cancel = world.at(monoMs(1000), () => expect.unreachable())
    cancel()
    await world.run()
    expect(world.now()).toBe(0)
  })

  it('reports a world that never rests', async () => {
    const world = new World({ settle, eventsMax: 100 })
    const again = (): void => {
      soon(world, again)
    }
    again()
    await expect(world.run()).rejects.toMatchObject({ code: 'lab/too-many-events' })
  })

  it('says who was busy when time stood still, and not who was long before', async () => {
    const world = new World({ settle, eventsAtOnceMax: 20_000 })
    const [early, busy] = ['early', 'busy'].map((name) => new HostClock(world, 0, name))
    const turn = (clock: HostClock | undefined, count: number): void => {
      if (clock !== undefined && count > 0) soon(clock, () => turn(clock, count - 1))
    }
    turn(early, 9000)
    await world.run()
    after(world, 1, () => turn(busy, 30_000))
    await expect(world.run()).rejects.toThrow(/: lately of busy \(\d+\)$/)
  })

  it('tells the civil time in whole milliseconds', async () => {
    expect(new World({ settle }).wall()).toBe(1_795_420_800_000)
    const world = new World({ settle, wallAtStart: wallMs(5000) })
    await world.run(monoMs(10.75))
    expect(world.wall()).toBe(5010)
  })

  it('rejects with what a callback throws, and can be run on', async () => {
    const world = new World({ settle })
    world.at(monoMs(1), () => {
      throw new Error('mistake')
    })
    await expect(world.run()).rejects.toThrow('mistake')
    await world.run()
  })

  it("ends a host's callbacks with the host", async () => {
    const world = new World({ settle })
    const clock = new HostClock(world)
    clock.at(monoMs(10), () => expect.unreachable())
    clock.stop()
    clock.at(monoMs(10), () => expect.unreachable())
    await world.run()
    expect(clock.now()).toBe(0)
  })

  it('ends those that are due at the moment of the end, and those of no other host', async () => {
    const world = new World({ settle })
    const [killed, other] = [new HostClock(world), new HostClock(world)]
    const ran: string[] = []
    killed.at(monoMs(10), () => {
      ran.push('last')
      soon(killed, () => expect.unreachable())
      killed.stop()
    })
    killed.at(monoMs(10), () => expect.unreachable())
    other.at(monoMs(10), () => void ran.push('other'))
    world.at(monoMs(11), () => void ran.push('world'))
    await world.run()
    expect(ran).toEqual(['last', 'other', 'world'])
  })
})
