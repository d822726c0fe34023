import type { PolicyMail, PolicySession } from './policy.ts'
import type { ChainAnswer, PolicyChain } from './policy-chain.ts'

/** What the policies know of one session, and what they have been asked about it. */
export class SessionPolicies {
  readonly chain: PolicyChain
  readonly session: { -readonly [K in keyof PolicySession]: PolicySession[K] }
  #wasConnectAsked = false

  constructor(chain: PolicyChain, session: Pick<PolicySession, 'id' | 'service' | 'peer'>) {
    this.chain = chain
    this.session = { ...session, helo: '', user: undefined }
  }

  async authenticated(user: string): Promise<ChainAnswer> {
    this.session.user = user
    const said = await this.chain.authenticated(this.session)
    if (!said.ok) this.session.user = undefined
    return said
  }

  /** Who it is that connects is asked now, and until it is accepted. */
  async mail(mail: PolicyMail, helo: string): Promise<ChainAnswer> {
    if (!this.#wasConnectAsked) {
      const said = await this.chain.connect(this.session)
      if (!said.ok) return said
      this.#wasConnectAsked = true
    }
    if (this.session.helo !== helo) {
      this.session.helo = helo
      const said = await this.chain.helo(this.session)
      if (!said.ok) {
        this.session.helo = ''
        return said
      }
    }
    return this.chain.mail(this.session, mail)
  }

  ended(): void {
    this.chain.ended(this.session)
  }
}
