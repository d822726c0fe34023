/** `lightlag sim …`: deterministic runs of the lab. */

import type { Command } from 'commander'
import { addPlayOptions } from './sim-play.ts'

export function addSimCommands(program: Command): void {
  const sim = program
    .command('sim')
    .description('run worlds of the lab again and again, in virtual time')
    .enablePositionalOptions()
  addPlayOptions(sim)
}
