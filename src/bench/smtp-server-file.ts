/**
 * The bare library as others build on it: `smtp-server`, each mail appended to one file, and what
 * waits to be flushed shares a flush. Its arguments: the port, the file.
 */

import { fdatasync, openSync, writevSync } from 'node:fs'
import { SMTPServer } from 'smtp-server'

const [port, path] = process.argv.slice(2)
const file = openSync(path ?? '', 'ax')
let waiting: { readonly mail: readonly Buffer[]; readonly done: () => void }[] = []
let isFlushing = false

new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  disableReverseLookup: true,
  onData: (stream, _, callback) => {
    const mail: Buffer[] = []
    stream.on('data', (bytes: Buffer) => mail.push(bytes))
    stream.on('end', () => {
      waiting.push({ mail, done: () => callback() })
      if (!isFlushing) flush()
    })
  },
}).listen(Number(port), '127.0.0.1')

function flush(): void {
  const taken = waiting
  isFlushing = taken.length > 0
  if (!isFlushing) return
  waiting = []
  writevSync(
    file,
    taken.flatMap(({ mail }) => mail),
  )
  fdatasync(file, (error) => {
    if (error) throw error
    for (const { done } of taken) done()
    flush()
  })
}
