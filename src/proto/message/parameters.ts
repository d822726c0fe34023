/** Fields that are a word with parameters: Content-Type and Content-Disposition. RFC 2045 §5.1, RFC 2183 §2. */

import type { Parameter } from './envelope.ts'
import { PARAMETERS_MAX } from './limits.ts'

export interface ParametrizedValue {
  /** What stands before the first semicolon, in lower case. */
  readonly value: string
  readonly parameters: readonly Parameter[]
}

/** Linear in the length; never throws. What is no parameter is passed over. */
export function parseParametrized(raw: string): ParametrizedValue {
  const text = stripComments(raw)
  const semicolon = text.indexOf(';')
  const value = (semicolon < 0 ? text : text.slice(0, semicolon)).trim().toLowerCase()
  const parameters: Parameter[] = []
  const pattern = /;[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"?|([^;"]*))/gs
  pattern.lastIndex = Math.max(semicolon, 0)
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const [, name = '', quoted, bare = ''] = match
    const unquoted = quoted === undefined ? bare.trim() : quoted.replace(/\\(.)/gs, '$1')
    parameters.push([name.toLowerCase(), unquoted])
    if (parameters.length === PARAMETERS_MAX) break
  }
  return { value, parameters }
}

/** Undefined where there is none of this name, which is in lower case. */
export function parameterOf(
  parameters: readonly Parameter[] | undefined,
  name: string,
): string | undefined {
  return parameters?.find(([one]) => one === name)?.[1]
}

/** Comments outside of quoted strings. */
function stripComments(text: string): string {
  if (!text.includes('(')) return text
  let stripped = ''
  let depth = 0
  let isQuoted = false
  for (let i = 0; i < text.length; i++) {
    const c = text.charAt(i)
    if (c === '\\' && (isQuoted || depth > 0)) {
      if (depth === 0) stripped += text.slice(i, i + 2)
      i++
    } else if (depth === 0 && c === '"') {
      isQuoted = !isQuoted
      stripped += c
    } else if (!isQuoted && c === '(') depth++
    else if (!isQuoted && c === ')' && depth > 0) depth--
    else if (depth === 0) stripped += c
  }
  return stripped
}
