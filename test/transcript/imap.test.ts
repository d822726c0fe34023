/**
 * The transcripts beside: `C1:` is what the first connection says, `S1:` what it is told, and all of
 * it; `...` stands for any characters of one line. `+30s` lets time pass, `@deliver MAILBOX` and the
 * lines with a bar after it put a message there, `@login` logs connections in, `@compress`
 * has one deflate from here on, `@secure` a handshake; `@quota BYTES` or `@tls` comes first. Text is UTF-8.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fromLatin1, fromUtf8, toLatin1, toUtf8 } from '../../src/base/bytes.ts'
import { ImapStage, type Terminal } from '../support/imap-stage.ts'

const FOLDER = join(import.meta.dirname, 'imap')

interface Step {
  readonly line: number
  readonly kind: 'client' | 'server' | 'command'
  readonly connection: string
  readonly text: string
}

function stepsOf(text: string): readonly Step[] {
  return text.split('\n').flatMap((line, index): Step[] => {
    const found = /^([CS])(\d):(?: (.*))?$/.exec(line)
    if (found !== null) {
      const kind = found[1] === 'C' ? 'client' : 'server'
      return [{ line: index + 1, kind, connection: found[2] ?? '', text: found[3] ?? '' }]
    }
    if (line === '' || line.startsWith('#')) return []
    return [{ line: index + 1, kind: 'command', connection: '', text: line }]
  })
}

class Play {
  #stage = new ImapStage()
  readonly #terminals = new Map<string, Terminal>()
  readonly #expected = new Map<string, string[]>()

  async run(steps: readonly Step[]): Promise<void> {
    await this.#stage.start()
    for (let at = 0; at < steps.length; ) {
      const step = steps[at] as Step
      if (step.kind === 'command') {
        at = await this.#command(steps, at)
        continue
      }
      if (step.kind === 'client') {
        const terminal = await this.#terminal(step.connection)
        terminal.send(toLatin1(fromUtf8(`${step.text}\r\n`)))
      } else {
        const lines = this.#expected.get(step.connection) ?? []
        this.#expected.set(step.connection, [...lines, step.text])
      }
      at++
      if (step.kind === 'server' && steps[at]?.kind !== 'server') await this.#check(step)
    }
    await this.#check(steps.at(-1) as Step)
  }

  async #command(steps: readonly Step[], at: number): Promise<number> {
    const { text, line } = steps[at] as Step
    const [word, ...words] = text.split(' ')
    let next = at + 1
    if (word === '@deliver') {
      const lines: string[] = []
      for (let one = steps[next]; one?.text.startsWith('|'); one = steps[++next]) {
        lines.push(one.text.slice(1).replace(/^ /, ''))
      }
      const message = `${lines.join('\r\n')}\r\n`
      await this.#stage.deliver(words[0] ?? 'INBOX', message)
    } else if (word === '@login') {
      for (const connection of words) {
        const terminal = await this.#terminal(connection)
        terminal.send('l LOGIN ada secret\r\n')
        await this.#stage.wait(1000)
        expect(terminal.heard()).toMatch(/^l OK /)
      }
    } else if (word === '@compress') (await this.#terminal(words[0] ?? '1')).compress()
    else if (word === '@secure') await (await this.#terminal(words[0] ?? '1')).secure()
    else if (word === '@tls') {
      this.#stage = new ImapStage()
      await this.#stage.start({}, 'tls')
    } else if (word === '@quota') {
      this.#stage = new ImapStage({ bytesMax: Number(words[0]) })
      await this.#stage.start()
    } else if (/^\+\d+s$/.test(word ?? '')) await this.#stage.wait(1000 * Number.parseInt(text, 10))
    else throw new Error(`line ${line}: ${text} is no step`)
    return next
  }

  async #terminal(connection: string): Promise<Terminal> {
    const known = this.#terminals.get(connection)
    if (known !== undefined) return known
    const made = await this.#stage.connect()
    expect(made.heard()).toMatch(/^\* OK /)
    this.#terminals.set(connection, made)
    return made
  }

  async #check({ line }: Step): Promise<void> {
    await this.#stage.wait(1000)
    for (const [connection, terminal] of this.#terminals) {
      const heard = toUtf8(fromLatin1(terminal.heard()))
      const lines = this.#expected.get(connection) ?? []
      const wanted = lines.map((text) => `${text}\r\n`).join('')
      const pattern = wanted.split('...').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
      if (!new RegExp(`^${pattern.join('[^\\r]*')}$`).test(heard)) {
        expect(heard, `before line ${line}, connection ${connection}`).toBe(wanted)
      }
    }
    this.#expected.clear()
  }
}

const files = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))

test.each(files)('%s', async (name) => {
  await new Play().run(stepsOf(readFileSync(join(FOLDER, name), 'utf8')))
})
