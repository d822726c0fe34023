import { Command, CommanderError } from 'commander'
import { COMMANDS } from './commands.ts'
import { EXIT, Failure, reasonOf } from './failure.ts'
import { wordsOf } from './links.ts'
import { version } from './version.ts'

const EXIT_STATUSES = `
Exit status: 0 done, 1 it failed, 2 an option, a value or a file was not understood.`

const program = new Command('lightlag')
  .description('Email that keeps working when the round trip takes minutes.')
  .version(version())
  // `sendmail -V ENVID` is no question for the version.
  .enablePositionalOptions()
  .exitOverride()

// Whoever reads the output may stop reading: `lightlag demo | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  process.stderr.write(`lightlag: cannot write the output: ${reasonOf(error)}\n`)
  process.exit(EXIT.failed)
})

try {
  const words = wordsOf(process.argv)
  await addCommands(words)
  await program.parseAsync(words, { from: 'user' })
} catch (error) {
  process.exitCode = told(error)
}

/** All of the one that is asked for, or whose help is; of the others what the list of them says. */
async function addCommands(words: readonly string[]): Promise<void> {
  const asked = words.find((word) => word !== 'help' && !word.startsWith('-')) ?? ''
  if (Object.hasOwn(COMMANDS, asked)) {
    const add = await COMMANDS[asked]?.load()
    add?.(program, EXIT_STATUSES, configOf)
  }
  for (const [name, { about }] of Object.entries(COMMANDS)) {
    const added = program.commands.find((command) => command.name() === name)
    ;(added ?? program.command(name)).description(about)
  }
}

/** What the user hears of an error, and the exit status for it. A mistake of ours goes on. */
function told(error: unknown): number {
  if (error instanceof Failure) {
    process.stderr.write(`${error.message}\n`)
    return error.status
  }
  // Commander has written its message already; help and version come this way too.
  if (error instanceof CommanderError) return error.exitCode === 1 ? EXIT.usage : error.exitCode
  throw error
}

/** Missed here: Commander misses its own kind of required options before it looks for mistyped ones. */
function configOf({ config }: { readonly config?: string }, command: Command): string {
  return config ?? command.error("error: required option '--config <file>' not specified")
}
