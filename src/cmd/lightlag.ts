/** Where the program begins. It hears signals before the rest of it is loaded, which takes a while. */

import { hearSignals } from './signal.ts'

const [command, subcommand] = process.argv.slice(2)
if (command === 'serve' || (command === 'rc' && subcommand === 'run')) hearSignals()

await import('./program.ts')
