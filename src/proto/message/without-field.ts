const LF = 0x0a
const CR = 0x0d

/** The message without its header fields of this name, which is in lower case; lines end in LF or CRLF. */
export function withoutField(message: Uint8Array, name: string): Uint8Array {
  const kept: Uint8Array[] = []
  let keptFrom = 0
  let at = 0
  let isCutting = false
  while (at < message.length) {
    const first = message[at]
    const isFolded = first === 0x20 || first === 0x09
    const isEnd = first === LF || (first === CR && message[at + 1] === LF)
    const isNamed: boolean = isFolded ? isCutting : !isEnd && isFieldOf(message, at, name)
    if (isNamed && !isCutting) kept.push(message.subarray(keptFrom, at))
    if (!isNamed && isCutting) keptFrom = at
    isCutting = isNamed
    if (isEnd) break
    const end = message.indexOf(LF, at)
    at = end < 0 ? message.length : end + 1
  }
  if (isCutting) keptFrom = message.length
  if (kept.length === 0) return message
  kept.push(message.subarray(keptFrom))
  const whole = new Uint8Array(kept.reduce((sum, part) => sum + part.length, 0))
  let to = 0
  for (const part of kept) {
    whole.set(part, to)
    to += part.length
  }
  return whole
}

/** Whether a line begins with the name, in whatever case, and a colon. */
function isFieldOf(message: Uint8Array, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const octet = message[at + i] ?? 0
    const lower = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet
    if (lower !== name.charCodeAt(i)) return false
  }
  let colon = at + name.length
  while (message[colon] === 0x20 || message[colon] === 0x09) colon++
  return message[colon] === 0x3a
}
