import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a command wrote, and with what it ended. */
export interface Ran {
  readonly status: number | null
  readonly output: string
  readonly errors: string
}

/** `lightlag …` with a runtime directory of its own, so that no other lab is in the way. */
export class LabCommands {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'lightlag-lab-'))
  readonly #running = new Set<Running>()

  start(...words: readonly string[]): Running {
    const child = spawn(process.execPath, ['dist/cmd/lightlag.js', ...words], {
      env: { ...process.env, XDG_RUNTIME_DIR: this.directory },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const running = new Running(child)
    this.#running.add(running)
    return running
  }

  /** Until it ends; its standard input is `input`. */
  run(words: readonly string[], input = ''): Promise<Ran> {
    const running = this.start(...words)
    running.child.stdin?.end(input)
    return running.ended
  }

  /** `lab up` in the foreground, once it is up. */
  async up(...words: readonly string[]): Promise<Running> {
    const lab = this.start('lab', 'up', ...words)
    await lab.until(/^lab .* is up/m)
    return lab
  }

  async dispose(): Promise<void> {
    for (const { child } of this.#running) child.kill('SIGKILL')
    await Promise.all([...this.#running].map(({ ended }) => ended))
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export class Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ran>
  #output = ''
  #errors = ''
  #heard = (): void => {}

  constructor(child: ChildProcess) {
    this.child = child
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#output += text
      this.#heard()
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text
      this.#heard()
    })
    // It may end before it has read all.
    child.stdin?.on('error', () => {})
    this.ended = once(child, 'close').then(([status]) => {
      this.#heard()
      return { status, output: this.#output, errors: this.#errors }
    })
  }

  /** Waits until standard output holds this behind `from`, and gives back what it holds there. */
  async until(pattern: RegExp, from = 0): Promise<string> {
    for (;;) {
      const output = this.#output.slice(from)
      if (pattern.test(output)) return output
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        throw new Error(`ended before ${pattern}: ${output}\n${this.#errors}`)
      }
      await new Promise<void>((resolve) => {
        this.#heard = resolve
      })
    }
  }

  /** So far. */
  get output(): string {
    return this.#output
  }
}

/** A shell on a host, as `docker exec -it HOST bash`. */
export class HostShell {
  readonly running: Running
  #count = 0

  constructor(running: Running) {
    this.running = running
  }

  /** Types a command, and waits until it has ended; what it wrote to standard output. */
  async type(command: string): Promise<string> {
    const from = this.running.output.length
    const mark = `that was ${++this.#count}`
    this.running.child.stdin?.write(`${command}\necho "${mark}"\n`)
    const written = await this.running.until(new RegExp(`${mark}\n`), from)
    return written.replace(`${mark}\n`, '')
  }
}
