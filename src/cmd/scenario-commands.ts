/** `lightlag scenario …`: the commands and their options. */

import type { Command } from 'commander'
import { scenarioCheck, scenarioReferenceText } from './scenario.ts'

/** `exitStatuses` ends every help text. */
export function addScenarioCommands(program: Command, exitStatuses: string): void {
  const scenario = program.command('scenario')

  scenario
    .command('check')
    .argument('<file>', 'a scenario, as scenarios/earth-moon.yaml')
    .description('tell everything that is wrong in a scenario')
    .addHelpText(
      'after',
      `
Examples:
  lightlag scenario check scenarios/earth-moon.yaml
${exitStatuses}`,
    )
    .action((file: string) => scenarioCheck(file))

  scenario
    .command('reference')
    .description('print what a scenario may have, as Markdown')
    .action(() => scenarioReferenceText())
}
