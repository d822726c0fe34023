/** A small name server on loopback, of the same table as the lab's. */

import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { type Answer, decode, encode } from 'dns-packet'
import type { LabName } from '../../src/lab/dns.ts'

export interface NameServer {
  /** For `servers` of a resolver. */
  readonly address: string
  /** `TXT a.com`, in the order in which they came. */
  readonly questions: string[]
  /** Instead of the table: nothing at all, or bytes that are no answer. */
  mood: 'answers' | 'silent' | 'confused'
  close(): Promise<void>
}

/** DNS's own numbers. */
const NAME_ERROR = 3
const SERVER_FAILURE = 2

export async function startNameServer(names: ReadonlyMap<string, LabName>): Promise<NameServer> {
  const socket: Socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const server: NameServer = {
    address: `127.0.0.1:${socket.address().port}`,
    questions: [],
    mood: 'answers',
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  }
  socket.on('message', (bytes, { port, address }) => {
    const query = decode(bytes)
    const [question] = query.questions ?? []
    if (question === undefined) return
    server.questions.push(`${question.type} ${question.name}`)
    if (server.mood === 'silent') return
    const name = names.get(question.name.toLowerCase())
    if (name?.fault === 'dns/timed-out') return
    const answers = answersOf(question.name, question.type, name)
    const code = name === undefined ? NAME_ERROR : name.fault === undefined ? 0 : SERVER_FAILURE
    const reply = encode({
      type: 'response',
      id: query.id ?? 0,
      flags: 0x0180 | code,
      questions: [question],
      answers,
    })
    // The head is right, so that it is taken for the answer; what follows is not.
    if (server.mood === 'confused') reply.fill(0xff, 12)
    socket.send(reply, port, address)
  })
  return server
}

const TTL_SEC = 300

function answersOf(name: string, type: string, entry: LabName | undefined): Answer[] {
  const common = { name, ttl: TTL_SEC }
  switch (type) {
    case 'MX':
      return (entry?.mx ?? []).map(({ preference, exchange }) => ({
        ...common,
        type: 'MX',
        data: { preference, exchange: exchange === '' ? '.' : exchange },
      }))
    case 'SRV':
      return (entry?.srv ?? []).map(({ target, ...record }) => ({
        ...common,
        type: 'SRV',
        data: { ...record, target: target === '' ? '.' : target },
      }))
    case 'A':
      return (entry?.a ?? []).map((data) => ({ ...common, type: 'A', data }))
    case 'AAAA':
      return (entry?.aaaa ?? []).map((data) => ({ ...common, type: 'AAAA', data }))
    case 'PTR':
      return (entry?.ptr ?? []).map((data) => ({ ...common, type: 'PTR', data }))
    // Of a type that its library does not know.
    case 'UNKNOWN_264':
      return (entry?.ipn ?? []).map((node) => {
        const data = Buffer.alloc(8)
        data.writeBigUInt64BE(node)
        return { ...common, type: 'UNKNOWN_264', data } as unknown as Answer
      })
    case 'TXT':
      return (entry?.txt ?? []).map((text) => ({
        ...common,
        type: 'TXT',
        data: text.match(/.{1,200}/gs) ?? [''],
      }))
    default:
      return []
  }
}
