import { describe, expect, it } from 'vitest'
import { fromLatin1, toLatin1 } from '../../src/base/bytes.ts'
import type { ProcessEnd, Processes } from '../../src/ports/process.ts'
import { type World, within } from './world.ts'

/**
 * Programs that both worlds have: `echo` writes its arguments, each in brackets, and what it has read
 * to its end; `fail` says so and ends with the status that its argument says; `environment` writes
 * its own; `flood` writes 100,000 octets; `hang` never ends.
 */
export type ProgramName = 'echo' | 'fail' | 'environment' | 'flood' | 'hang'

export interface ProcessWorld extends World {
  readonly processes: Processes
  /** The path of a program, and the arguments that come before others. */
  program(name: ProgramName): readonly string[]
  readonly user?: string
}

/** The contract of `src/ports/process.ts`. */
export function describeProcesses(name: string, make: () => Promise<ProcessWorld>): void {
  const inWorld = (body: (world: ProcessWorld) => Promise<void>) => () => within(make, body)

  async function run(
    { processes, program, user }: ProcessWorld,
    which: ProgramName,
    args: readonly string[] = [],
    input = '',
    outputBytesMax = 10_000,
  ): Promise<ProcessEnd & { readonly text: string }> {
    const process = await processes.start({
      argv: [...program(which), ...args],
      environment: { WHO: 'lightlag' },
      outputBytesMax,
      user,
    })
    for (const piece of input.match(/.{1,1000}/gs) ?? []) await process.write(fromLatin1(piece))
    process.end()
    const end = await process.ended
    return { ...end, text: toLatin1(end.output) }
  }

  describe(`the contract of programs: ${name}`, () => {
    it(
      'arguments reach a program as they are, and its input to the end',
      inWorld(async (world) => {
        const args = ['a b', '', '$HOME;`x`', '\'"*']
        const { by, text } = await run(world, 'echo', args, `in${'x'.repeat(5000)}put`)
        expect(by).toBe(0)
        expect(text).toBe(`${args.map((arg) => `[${arg}]`).join('')}in${'x'.repeat(5000)}put`)
      }),
    )

    it(
      'how it ended is told, with what it said',
      inWorld(async (world) => {
        expect(await run(world, 'fail', ['75'])).toMatchObject({ by: 75, text: 'failed\n' })
      }),
    )

    it(
      'it finds nothing in its environment but what it was given',
      inWorld(async (world) => {
        const { text } = await run(world, 'environment')
        expect(text).toBe('WHO=lightlag\n')
      }),
    )

    it(
      'no more of its output is kept than may be, and it is not held up',
      inWorld(async (world) => {
        const { by, output } = await run(world, 'flood', [], '', 1000)
        expect(by).toBe(0)
        expect(output).toHaveLength(1000)
      }),
    )

    it(
      'one that does not read is no trouble to whoever writes',
      inWorld(async (world) => {
        const { by } = await run(world, 'fail', ['1'], 'x'.repeat(1_000_000))
        expect(by).toBe(1)
      }),
    )

    it(
      'one that hangs is over when it is killed, and killing it again does nothing',
      inWorld(async ({ processes, program, user }) => {
        const argv = program('hang')
        const process = await processes.start({ argv, environment: {}, outputBytesMax: 10, user })
        process.kill()
        expect((await process.ended).by).toBe('SIGKILL')
        process.kill()
        await process.write(fromLatin1('x'))
        process.end()
      }),
    )

    it(
      'one that is not there cannot be started',
      inWorld(async ({ processes, user }) => {
        const argv = ['/nowhere/at/all']
        await expect(
          processes.start({ argv, environment: {}, outputBytesMax: 10, user }),
        ).rejects.toMatchObject({ code: 'process/not-started', temporary: true })
      }),
    )
  })
}
