/** Passwords from the terminal, without an echo, or from standard input. */

import { EXIT, Failure } from './failure.ts'
import { readText } from './files.ts'

/** As a configuration takes one. */
const PASSWORD = /^[^\p{Cc}]{1,255}$/u

/** Asked twice at a terminal; else the first line of standard input. */
export async function askPassword(prompt: string): Promise<string> {
  const password = process.stdin.isTTY
    ? await typedTwice(prompt)
    : (readText('-').split(/\r?\n/)[0] ?? '')
  if (PASSWORD.test(password)) return password
  const expected = '1 to 255 characters, none of them a control'
  throw new Failure(EXIT.usage, `the password is unfit: ${expected} would be right`)
}

async function typedTwice(prompt: string): Promise<string> {
  const password = await typed(prompt)
  if ((await typed('Again: ')) === password) return password
  throw new Failure(EXIT.failed, 'the two passwords differ')
}

const END: readonly string[] = ['\r', '\n', '\u0004']
const BACKSPACE: readonly string[] = ['\b', '\u007f']
const INTERRUPT = '\u0003'

function typed(prompt: string): Promise<string> {
  const { stdin, stderr } = process
  stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  return new Promise((resolve, reject) => {
    let text = ''
    const finish = (): void => {
      stdin.off('data', onData)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
    const onData = (typedText: string): void => {
      for (const character of typedText) {
        if (END.includes(character)) {
          finish()
          resolve(text)
          return
        }
        if (character === INTERRUPT) {
          finish()
          reject(new Failure(EXIT.failed, 'interrupted'))
          return
        }
        text = BACKSPACE.includes(character) ? [...text].slice(0, -1).join('') : text + character
      }
    }
    stdin.on('data', onData)
    stdin.resume()
  })
}
