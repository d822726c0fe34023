/** What an operator allows a next hop over an expensive link, and what it costs. */

export interface LinkOptions {
  /** The next hop as `wayOf` names it: `bp:ipn:3.2525`, `carry:mail-2.a.com`, `https:mail-2.a.com`. */
  readonly route: string
  /** Octets of one mail, as it crosses. Default: no bound of its own. */
  readonly mailBytesMax?: number
  /** Attachments above this wait here until they are asked for. Default: everything crosses. */
  readonly holdBackAbove?: number
  /** For all mail to this next hop. Default: as much as comes. */
  readonly budget?: ByteBudget
  /** For each account of this host. Default: as much as they like. */
  readonly userBudget?: ByteBudget
  readonly price?: Price
}

/** Octets of mails in a period; periods of one length follow each other from 1970-01-01T00:00Z on. */
export interface ByteBudget {
  readonly bytes: number
  readonly periodMs: number
}

/** Of what leaves: both are added. */
export interface Price {
  /** `EUR`. */
  readonly currency: string
  /** For 1,000,000 octets. */
  readonly perMegabyte: number
  /** For a second of contact. */
  readonly perSecond: number
}

/** Of attachments that wait here. */
export interface HeldBackOptions {
  /** How long each may be asked for. */
  readonly keepMs: number
  /** All together. */
  readonly bytesMax: number
}
