/** The SMTP service over a mail host without its ports, and clients that type. */

import { fromLatin1, toBase64, toLatin1 } from '../../src/base/bytes.ts'
import type { Fault } from '../../src/base/fault.ts'
import { HELD_MESSAGES_BYTES_MAX } from '../../src/mail/limits.ts'
import { LoginAttempts } from '../../src/mail/login-attempts.ts'
import type { PickupAccess } from '../../src/mail/pickup-access.ts'
import { HoldBudget } from '../../src/mail/policy/message-hold.ts'
import type { Policy } from '../../src/mail/policy/policy.ts'
import { PolicyChain } from '../../src/mail/policy/policy-chain.ts'
import { SmtpService, type SmtpServiceOptions } from '../../src/mail/smtp-service.ts'
import { SPOOL_TABLE } from '../../src/mail/spool-record.ts'
import type { ByteStream, Network, SocketAddress } from '../../src/ports/network.ts'
import { HOST, mailStage, pass, type Stage, type StageOptions } from './mail-stage.ts'

export const NEAR = `user@${HOST}`
export const FAR = 'user@mail-2.a.com'
export const LOGIN = `AUTH PLAIN ${toBase64(fromLatin1('\0user\x00123456'))}`

const OPTIONS: SmtpServiceOptions = {
  listen: { host: '172.21.0.3', port: 25 },
  sizeBytesMax: 2_000_000,
  recipientsMax: 100,
  plaintextAuth: 'allow',
}

/** The server's side of a connection, with a client that types. */
export class FakeStream implements ByteStream {
  readonly local: SocketAddress = OPTIONS.listen
  readonly remote: SocketAddress
  unsentBytes = 0
  heard = ''
  isPaused = false
  state: 'open' | 'closed' | 'ended' = 'open'
  onBytes: (bytes: Uint8Array) => void = () => {}
  onSecured: () => void = () => {}
  onDrained: () => void = () => {}
  onEnd: (fault: Fault | undefined) => void = () => {}

  constructor(host: string) {
    this.remote = { host, port: 40_000 }
  }
  send(bytes: Uint8Array): void {
    if (this.state === 'open') this.heard += toLatin1(bytes)
  }
  secure(): void {}
  close(): void {
    this.state = 'closed'
  }
  abort(): void {
    this.state = 'closed'
  }
  pause(): void {
    this.isPaused = true
  }
  resume(): void {
    this.isPaused = false
  }
  end(): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    this.onEnd(undefined)
  }
}

export interface Bench {
  readonly stage: Stage
  readonly service: SmtpService
  readonly connect: (host?: string) => FakeStream
  /** Types lines and resolves with the replies to them. */
  readonly say: (stream: FakeStream, ...lines: readonly string[]) => Promise<string>
}

export async function bench(
  service: 'smtp' | 'submission' | 'lmtp' | 'pickup',
  options: Partial<SmtpServiceOptions> = {},
  stageOptions: StageOptions = {},
  policies: (stage: Stage) => readonly Policy[] = () => [],
  pickup?: PickupAccess,
): Promise<Bench> {
  const stage = mailStage(stageOptions)
  await stage.queue.open()
  let accept = (_stream: ByteStream): void => {}
  const network: Network = {
    listen: async (address, onStream) => {
      accept = onStream
      return { address, close: async () => {} }
    },
    connect: () => Promise.reject(new Error('not used')),
    bind: () => Promise.reject(new Error('not used')),
  }
  const { clock, entropy, accounts, routes, local, queue } = stage
  const smtp = new SmtpService(
    { ...OPTIONS, ...options },
    {
      ...{ service, hostname: HOST, network, clock, entropy, accounts, routes, local, queue },
      logins: new LoginAttempts(clock),
      policies: new PolicyChain(policies(stage), (event) => void stage.events.push(event)),
      holdBudget: new HoldBudget(HELD_MESSAGES_BYTES_MAX),
      events: (event) => void stage.events.push(event),
      ...(pickup && { pickup }),
    },
  )
  await smtp.start()
  return {
    stage,
    service: smtp,
    connect: (host = '172.21.0.4') => {
      const stream = new FakeStream(host)
      accept(stream)
      return stream
    },
    say: async (stream, ...lines) => {
      const from = stream.heard.length
      stream.onBytes(fromLatin1(lines.map((line) => `${line}\r\n`).join('')))
      await pass(stage, 0)
      return stream.heard.slice(from)
    },
  }
}

export function typesOf(stage: Stage): readonly string[] {
  return stage.events.map(({ type }) => type)
}

export function spooled(stage: Stage): readonly string[] {
  return [...stage.store.keys(SPOOL_TABLE, {})]
}

export const TO_NEAR = ['EHLO client.a.com', 'MAIL FROM:<ann@b.com>', `RCPT TO:<${NEAR}>`, 'DATA']
