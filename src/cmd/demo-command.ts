/** `lightlag demo`: the command and its options. */

import { type Command, InvalidArgumentError } from 'commander'
import { parseShare } from '../base/quantity.ts'
import type { DemoArguments } from './demo.ts'
import { duration, seed } from './numbers.ts'
import { addPictureOptions, PICTURE_HELP } from './picture-options.ts'

export function addDemoCommand(program: Command, exitStatuses: string): void {
  addPictureOptions(
    program
      .command('demo')
      .option('--message <file>', 'mail to carry instead of the built-in one; - for standard input')
      .option('--delay <duration>', 'one-way delay of the link: 500ms, 20min, 0', duration)
      .option('--loss <share>', 'share of packets that the link loses: 20%', share)
      .option('--seed <number>', 'what decides everything random: 0 to 4294967295', seed)
      .option('--scenario <file>', 'the world to run it in (default: scenarios/earth-moon.yaml)'),
  )
    .addHelpText(
      'after',
      `
Examples:
  lightlag demo
  lightlag demo --delay 20min --loss 20%
  lightlag demo --message letter.eml
  lightlag demo --loss 20% --pcapng demo.pcapng --space-time demo.svg
${PICTURE_HELP}
${exitStatuses}`,
    )
    .action(
      async ({ delay, ...others }: Omit<DemoArguments, 'delayMs'> & { readonly delay?: number }) =>
        (await import('./demo.ts')).demo({ ...others, delayMs: delay }),
    )
}

function share(text: string): number {
  const value = parseShare(text)
  if (value === undefined || value === 1) {
    throw new InvalidArgumentError('A share is from 0% to less than 100%.')
  }
  return value
}
