/** Runs command lines on a host of the lab. */

import { ByteQueue } from '../../base/byte-queue.ts'
import { concat, fromUtf8, toUtf8 } from '../../base/bytes.ts'
import { Failure } from '../../base/failure.ts'
import { asFault } from '../../base/fault.ts'
import { COMMAND_LINE_BYTES_MAX, WRITTEN_FILE_BYTES_MAX } from '../limits.ts'
import { INTERRUPTED } from '../process.ts'
import {
  type Command,
  type CommandIo,
  complain,
  homeOf,
  pathIn,
  type ShellSession,
  say,
} from './command.ts'
import { commandOf, isIonTool } from './commands.ts'
import { reasonOf } from './file-commands.ts'
import { Pipe } from './pipe.ts'
import { type CommandList, parseCommands, type SimpleCommand, type Word } from './words.ts'

const FAILED = 1
const NOT_UNDERSTOOD = 2

/** `sh -c LINE`, or with the lines of standard input, until they end or say `exit`. */
export const shell: Command = async (args, io, session) => {
  const [option, line] = args.filter((word) => word !== '-i' && word !== '-l')
  const running = new Shell(session, io)
  if (option === undefined) return running.converse()
  if (option === '-c' && line !== undefined) return running.script(line)
  complain(io, `sh: ${option}: -c LINE, or commands on standard input, would be right`)
  return NOT_UNDERSTOOD
}

/** One command with its arguments, as they are. */
export async function runWords(
  [name = '', ...args]: readonly string[],
  io: CommandIo,
  session: ShellSession,
): Promise<number> {
  const isShell = /^(?:\/bin\/)?(?:ba|da)?sh$/.test(name)
  try {
    const running = (isShell ? shell : commandOf(name))(args, io, session)
    if (isShell || isIonTool(name)) return await running
    return await Promise.race([running, io.interrupted().then(() => INTERRUPTED)])
  } catch (error) {
    if (error instanceof Failure) {
      complain(io, error.message)
      return error.status
    }
    complain(io, `${name}: ${asFault(error).message}`)
    return FAILED
  }
}

class Shell {
  readonly #session: ShellSession
  readonly #io: CommandIo
  /** Read as lines here, and by commands as they like. */
  readonly #input = new ByteQueue()
  #hasInputEnded = false
  #exit: number | undefined

  constructor(session: ShellSession, io: CommandIo) {
    this.#session = session
    this.#io = io
  }

  async script(text: string): Promise<number> {
    const parsed = parseCommands(`${text}\n`)
    if (parsed.type === 'complete') return this.#run(parsed.list)
    const message =
      parsed.type === 'wrong' ? parsed.message : 'syntax error: unexpected end of file'
    complain(this.#io, `sh: ${message}`)
    return NOT_UNDERSTOOD
  }

  async converse(): Promise<number> {
    let status = 0
    let text = ''
    while (this.#exit === undefined) {
      this.#prompt(text === '')
      const line = await this.#line()
      if (line === 'interrupted') {
        say(this.#io, '\n')
        text = ''
        continue
      }
      text += line ?? ''
      const parsed = parseCommands(text)
      if (parsed.type === 'incomplete' && line !== undefined) {
        if (text.length <= COMMAND_LINE_BYTES_MAX) continue
        complain(this.#io, 'sh: a command of more than a mebibyte')
        return NOT_UNDERSTOOD
      }
      if (parsed.type === 'complete') status = await this.#run(parsed.list)
      else {
        const isEnd = parsed.type === 'incomplete'
        const message = isEnd ? 'syntax error: unexpected end of file' : parsed.message
        complain(this.#io, `sh: ${message}`)
        status = NOT_UNDERSTOOD
      }
      text = ''
      if (line === undefined) break
    }
    return this.#exit ?? status
  }

  #prompt(isFirst: boolean): void {
    if (!this.#io.terminal.input) return
    const { user, directory, host } = this.#session
    const home = homeOf(user)
    const place = directory === home ? '~' : directory
    const mark = user === 'root' ? '#' : '$'
    const name = host.machine.name.split('.')[0]
    say(this.#io, isFirst ? `${user}@${name}:${place}${mark} ` : '> ')
  }

  /** With its end; undefined behind the last. */
  async #line(): Promise<string | undefined | 'interrupted'> {
    for (;;) {
      const line = this.#input.takeLine()
      if (line !== undefined) return `${toUtf8(line)}\n`
      if (this.#hasInputEnded) {
        const rest = toUtf8(this.#input.takeAll())
        return rest === '' ? undefined : `${rest}\n`
      }
      const read = await Promise.race([
        this.#io.input(),
        this.#io.interrupted().then(() => 'interrupted' as const),
      ])
      if (read === 'interrupted') return read
      if (read === undefined) this.#hasInputEnded = true
      else this.#input.append(read)
    }
  }

  async #read(): Promise<Uint8Array | undefined> {
    if (this.#input.length > 0) return this.#input.takeAll()
    if (this.#hasInputEnded) return undefined
    const bytes = await this.#io.input()
    this.#hasInputEnded = bytes === undefined
    return bytes
  }

  async #run({ pipelines }: CommandList): Promise<number> {
    let status = 0
    for (const { pipeline, when } of pipelines) {
      if (when === 'after-success' && status !== 0) continue
      if (when === 'after-failure' && status === 0) continue
      let input = (): Promise<Uint8Array | undefined> => this.#read()
      const running = pipeline.map((command, index) => {
        const next = index < pipeline.length - 1 ? new Pipe() : undefined
        const io: CommandIo = {
          ...this.#io,
          input,
          output: next === undefined ? this.#io.output : this.#into(next),
        }
        if (next !== undefined) input = () => next.read()
        return this.#simple(command, io).finally(() => next?.end())
      })
      status = (await Promise.all(running)).at(-1) ?? 0
      if (this.#exit !== undefined) return this.#exit
    }
    return status
  }

  #into(pipe: Pipe): (bytes: Uint8Array) => void {
    let isFull = false
    return (bytes) => {
      if (isFull || pipe.write(bytes)) return
      isFull = true
      complain(this.#io, 'sh: nobody reads what is written into the pipe: the rest is lost')
    }
  }

  async #simple({ words, redirections }: SimpleCommand, given: CommandIo): Promise<number> {
    let io = given
    const files: WrittenFile[] = []
    try {
      for (const redirection of redirections) {
        switch (redirection.type) {
          case 'document':
            io = { ...io, input: once(fromUtf8(redirection.document.text)) }
            break
          case 'errors-to-output':
            io = { ...io, errors: io.output }
            break
          case 'input': {
            const path = await this.#path(redirection.file)
            io = { ...io, input: once(await this.#session.host.files.read(path)) }
            break
          }
          default: {
            const file = new WrittenFile(
              await this.#path(redirection.file),
              redirection.type.startsWith('append') ? 'append' : 'replace',
              () => complain(given, 'sh: more than 64 MiB for a file: the rest is lost'),
            )
            files.push(file)
            const stream = redirection.type.endsWith('errors') ? 'errors' : 'output'
            io = { ...io, [stream]: (bytes: Uint8Array) => file.append(bytes) }
          }
        }
      }
      const expanded = await this.#expand(words)
      const status = expanded.length === 0 ? 0 : await this.#command(expanded, io)
      for (const { path, bytes, where } of files) {
        await this.#session.host.files.write(path, bytes, where)
      }
      return status
    } catch (error) {
      complain(given, `sh: ${reasonOf(error)}`)
      return FAILED
    }
  }

  async #command(words: readonly string[], io: CommandIo): Promise<number> {
    const [name, status] = words
    if (name !== 'exit') return runWords(words, io, this.#session)
    this.#exit = Number(status ?? 0) & 0xff
    return this.#exit
  }

  /** The one file that a redirection names. */
  async #path(word: Word): Promise<string> {
    const [name = '', ...others] = await this.#expand([word])
    if (others.length > 0) throw new Failure(FAILED, `${textOf(word)}: ambiguous redirect`)
    return pathIn(this.#session, name)
  }

  /** With `~` for a home directory, and the files that a pattern stands for. */
  async #expand(words: readonly Word[]): Promise<readonly string[]> {
    const expanded = await Promise.all(words.map((word) => this.#names(this.#atHome(word))))
    return expanded.flat()
  }

  #atHome(word: Word): Word {
    const [first, ...rest] = word
    const [, user] = /^~([a-z0-9._-]*)(?=\/|$)/i.exec(first?.text ?? '') ?? []
    if (first === undefined || first.isQuoted || user === undefined) return word
    const home = homeOf(user || this.#session.user)
    return [{ text: home + first.text.slice(1 + user.length), isQuoted: false }, ...rest]
  }

  async #names(word: Word): Promise<readonly string[]> {
    const text = textOf(word)
    const pattern = word
      .map((part) =>
        part.isQuoted ? part.text : part.text.replace(/\*/g, ANY).replace(/\?/g, ONE),
      )
      .join('')
    if (!isPattern(pattern)) return [text]
    const [first = '', ...rest] = pattern.split('/')
    const found = await (first === ''
      ? this.#below('', rest)
      : this.#below(undefined, [first, ...rest]))
    return found.length === 0 ? [text] : found
  }

  /** The names for which the patterns stand, one for each level below `above`, or below where we are. */
  async #below(
    above: string | undefined,
    [pattern, ...patterns]: readonly string[],
  ): Promise<readonly string[]> {
    if (pattern === undefined) return above === undefined ? [] : [above]
    const nameOf = (name: string): string => (above === undefined ? name : `${above}/${name}`)
    const { files } = this.#session.host
    if (!isPattern(pattern)) {
      const name = nameOf(pattern)
      if (patterns.length > 0) return this.#below(name, patterns)
      return (await files.stat(pathIn(this.#session, name))) === undefined ? [] : [name]
    }
    const folder = pathIn(this.#session, above === undefined ? '.' : above || '/')
    const names = await files.list(folder).catch((error: unknown) => {
      asFault(error)
      return []
    })
    const glob = pattern.replace(/[.+*?^${}()|[\]\\]/g, '\\$&')
    const whole = new RegExp(`^${glob.replaceAll(ANY, '.*').replaceAll(ONE, '.')}$`, 's')
    const matching = names.filter((name) => whole.test(name) && !name.startsWith('.'))
    const found = await Promise.all(matching.map((name) => this.#below(nameOf(name), patterns)))
    return found.flat()
  }
}

/** What stands for any characters, and for any one, in a word that may hold every other. */
const ANY = '\u0001'
const ONE = '\u0002'

function isPattern(name: string): boolean {
  return name.includes(ANY) || name.includes(ONE)
}

class WrittenFile {
  readonly path: string
  readonly where: 'replace' | 'append'
  readonly #tooMuch: () => void
  readonly #parts: Uint8Array[] = []
  #length = 0

  constructor(path: string, where: 'replace' | 'append', tooMuch: () => void) {
    this.path = path
    this.where = where
    this.#tooMuch = tooMuch
  }

  append(bytes: Uint8Array): void {
    const isFull = this.#length > WRITTEN_FILE_BYTES_MAX
    this.#length += bytes.length
    if (this.#length <= WRITTEN_FILE_BYTES_MAX) this.#parts.push(bytes.slice())
    else if (!isFull) this.#tooMuch()
  }

  get bytes(): Uint8Array {
    return concat(...this.#parts)
  }
}

function textOf(word: Word): string {
  return word.map(({ text }) => text).join('')
}

function once(bytes: Uint8Array): () => Promise<Uint8Array | undefined> {
  let left: Uint8Array | undefined = bytes.length === 0 ? undefined : bytes
  return async () => {
    const given = left
    left = undefined
    return given
  }
}
