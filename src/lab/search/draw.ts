/** Draws a trial from a seed. */

import { type Random, seededRandom } from '../../base/random.ts'
import type { LinkContact } from '../../config/link-quality.ts'
import type { NotifyKind } from '../../proto/smtp/envelope.ts'
import {
  LONG_PATIENCE_MS,
  type Moment,
  ROOMY_STORE_BYTES,
  type Trial,
  type TrialFault,
  type TrialHost,
  type TrialLink,
  type TrialMail,
  type TrialRecipient,
  type TrialVisit,
} from './trial.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
const FOREVER_MS: number = 10_000 * DAY_MS

const MAIL_BYTES_MAX = 100_000

export function drawTrial(seed: number): Trial {
  const draw = new Draw(seededRandom(seed))
  const map = drawMap(draw)
  // By dice of their own: what else a seed draws is older than they are.
  const dice = new Draw(seededRandom(seed ^ LAYERS_SEED))
  const links = map.links.map((link) => withLayer(dice, link))
  const spanMs = draw.between(10 * MINUTE_MS, DAY_MS)
  const mailBytesMax = links.some(isLossy) ? LOSSY_MAIL_BYTES_MAX : MAIL_BYTES_MAX
  // One mail fits into the smallest store, several do not.
  const small = (host: TrialHost): TrialHost =>
    draw.chance(0.3) ? { ...host, storeBytesMax: mailBytesMax * draw.whole(5, 10) } : host
  const hosts = map.hosts.map(small) as unknown as Hosts
  const named = <Item>(
    letter: string,
    count: number,
    item: () => Item,
  ): readonly (Item & { readonly name: string })[] =>
    Array.from({ length: count }, (_, i) => ({ name: `${letter}${i}`, ...item() }))
  return {
    seed,
    hosts,
    links,
    mails: named('m', draw.whole(1, 10), () => drawMail(draw, hosts, spanMs, mailBytesMax)),
    visits: named('v', draw.whole(0, 6), () => drawVisit(draw, hosts, spanMs)),
    faults: named('f', draw.whole(0, 5), () => drawFault(draw, hosts, links, spanMs)),
  }
}

class Draw {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  chance(share: number): boolean {
    return this.#random.next() < share
  }

  whole(min: number, max: number): number {
    return min + Math.floor(this.#random.next() * (max - min + 1))
  }

  share(max: number): number {
    return this.#random.next() * max
  }

  /** As often between 1 and 10 as between 10 and 100. */
  between(min: number, max: number): number {
    return Math.round(min * (max / min) ** this.#random.next())
  }

  of<const Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.whole(0, items.length - 1)] ?? items[0]
  }
}

type Hosts = readonly [TrialHost, ...TrialHost[]]

/** Every host can reach every other. */
function drawMap(draw: Draw): { readonly hosts: Hosts; readonly links: readonly TrialLink[] } {
  const count = draw.of([2, 2, 2, 3, 3, 4, 5, 6])
  const hosts: [TrialHost, ...TrialHost[]] = [drawHost(draw, 1, 1)]
  const links: TrialLink[] = []
  const link = (a: number, b: number): void => {
    links.push(drawLink(draw, `l${links.length}`, [a, b], count))
  }
  for (let number = 2; number <= count; number++) {
    const { network } = draw.of(hosts)
    const isNear = draw.chance(0.15)
    hosts.push(drawHost(draw, number, isNear ? network : number))
    if (!isNear) link(network, number)
  }
  const [a, b] = [draw.of(hosts).network, draw.of(hosts).network]
  const areJoined = links.some(({ between }) => between.includes(a) && between.includes(b))
  if (a !== b && !areJoined) link(a, b)
  return { hosts, links }
}

function drawHost(draw: Draw, number: number, network: number): TrialHost {
  return {
    number,
    network,
    storeBytesMax: ROOMY_STORE_BYTES,
    patienceMs: draw.chance(0.15) ? draw.between(4 * HOUR_MS, 2 * DAY_MS) : LONG_PATIENCE_MS,
  }
}

/** `hosts` of the whole map: what a way over all of them loses is bounded, so that mail gets through. */
function drawLink(
  draw: Draw,
  name: string,
  between: readonly [number, number],
  hosts: number,
): TrialLink {
  const oneWayDelayMs = draw.between(5, 20 * MINUTE_MS)
  return {
    name,
    between,
    quality: {
      oneWayDelayMs,
      lossShare: 0,
      ...(draw.chance(0.6) && drawLosses(draw, LOSS_MAX / hosts)),
      ...(draw.chance(0.3) && { jitterMs: draw.share(Math.min(oneWayDelayMs / 2, JITTER_MS_MAX)) }),
      ...(draw.chance(0.3) && { duplicateShare: draw.share(0.5) }),
      ...(draw.chance(0.3) && { rateBytesPerSec: draw.between(10_000, 1_000_000) }),
      ...(draw.chance(0.35) && { contacts: drawContacts(draw) }),
    },
  }
}

/** Streams take several round trips to open, and give up after half a minute. */
function withLayer(draw: Draw, link: TrialLink): TrialLink {
  const isStream = draw.chance(0.6)
  const layer = draw.of(['tcp', 'tcp', 'stcp', 'mtcp'])
  return isStream && link.quality.oneWayDelayMs <= STREAM_DELAY_MS_MAX ? { ...link, layer } : link
}

const STREAM_DELAY_MS_MAX = 5000

const LAYERS_SEED = 0x1a_7e55

/** Pieces of a datagram that come half a minute apart are not put together. */
const JITTER_MS_MAX = 5000

/** Of packets: a datagram is dozens of them, and all must come. */
const LOSS_MAX = 0.2

/** Where packets get lost, as most bundles are to get through whole. */
const LOSSY_MAIL_BYTES_MAX = 5000

type Losses = Pick<
  TrialLink['quality'],
  'lossShare' | 'corruptShare' | 'reorderShare' | 'gilbertElliott'
>

function drawLosses(draw: Draw, shareMax: number): Partial<Losses> {
  const share = draw.share(shareMax)
  switch (draw.of(['alone', 'alone', 'corrupt', 'early', 'bursts'])) {
    case 'alone':
      return { lossShare: share }
    case 'corrupt':
      return { corruptShare: share }
    case 'early':
      return { reorderShare: share }
    case 'bursts':
      // In the long run as many as of the others.
      return { gilbertElliott: { toBad: share / 3, toGood: 0.3, badLoss: 0.9, goodLoss: 0 } }
  }
}

function isLossy({ quality }: TrialLink): boolean {
  const { lossShare, corruptShare, reorderShare, gilbertElliott } = quality
  return lossShare > 0 || [corruptShare, reorderShare, gilbertElliott].some((one) => one)
}

/** The last of them does not end, so that nothing is kept waiting for ever. */
function drawContacts(draw: Draw): readonly LinkContact[] {
  const everyMs = draw.between(10 * MINUTE_MS, 12 * HOUR_MS)
  const openMs = Math.round(everyMs * (0.05 + draw.share(0.6)))
  const firstMs = Math.round(draw.share(everyMs))
  const count = Math.min(40, Math.ceil((2 * DAY_MS) / everyMs))
  return Array.from({ length: count }, (_, i) => {
    const fromMs = firstMs + i * everyMs
    return { fromMs, untilMs: i === count - 1 ? FOREVER_MS : fromMs + openMs }
  })
}

function drawMail(
  draw: Draw,
  hosts: Hosts,
  spanMs: number,
  bytesMax: number,
): Omit<TrialMail, 'name'> {
  const from = draw.of(hosts).number
  const to = new Map<number, TrialRecipient>()
  for (let left = draw.of([1, 1, 1, 2, 3]); left > 0; left--) {
    const host = draw.of(hosts).number
    to.set(host, {
      host,
      user: draw.chance(0.1) ? 'nobody' : 'user',
      ...(draw.chance(0.3) && {
        notify: draw.of<readonly NotifyKind[]>([
          ['never'],
          ['success'],
          ['failure'],
          ['success', 'failure', 'delay'],
        ]),
      }),
    })
  }
  const bytes = draw.between(draw.chance(0.5) ? 200 : bytesMax / 2, bytesMax)
  return { atMs: Math.round(draw.share(spanMs)), from, to: [...to.values()], bytes }
}

function drawVisit(draw: Draw, hosts: Hosts, spanMs: number): Omit<TrialVisit, 'name'> {
  return {
    // Also when most mail has arrived.
    atMs: Math.round(draw.share(2 * spanMs)),
    host: draw.of(hosts).number,
    protocol: draw.of(['imap', 'pop3']),
    removes: draw.chance(0.6),
  }
}

type Nameless<Item> = Item extends unknown ? Omit<Item, 'name'> : never

function drawFault(
  draw: Draw,
  hosts: Hosts,
  links: readonly TrialLink[],
  spanMs: number,
): Nameless<TrialFault> {
  const host = draw.of(hosts).number
  const atMs = Math.round(draw.share(spanMs))
  const span = { host, atMs, forMs: draw.between(1, HOUR_MS) }
  const drawn = draw.of(['power', 'power', 'power', 'store', 'disk', 'clock', 'link'])
  // A world without links has other faults.
  const kind = drawn === 'link' && links.length === 0 ? 'power' : drawn
  switch (kind) {
    case 'store':
      return { type: 'store', code: draw.of(['store/full', 'store/failed']), ...span }
    case 'disk':
      return { type: 'disk', code: draw.of(['disk/full', 'disk/failed']), ...span }
    case 'clock': {
      const aheadMs = draw.between(1000, DAY_MS) * draw.of([1, -1])
      return { type: 'clock', aheadMs, ...span }
    }
    case 'link': {
      const { name } = draw.of(links as readonly [TrialLink, ...TrialLink[]])
      return { type: 'link', link: name, atMs, forMs: draw.between(1000, DAY_MS) }
    }
    case 'power':
      return {
        type: 'power',
        host,
        when: draw.chance(0.3) ? { atMs } : drawMoment(draw),
        forMs: draw.chance(0.6) ? 0 : draw.between(1, 3 * HOUR_MS),
        isLucky: draw.chance(0.5),
      }
  }
}

/** Where acceptance, taking over and settling are just done or being done. */
function drawMoment(draw: Draw): Moment {
  return {
    after: draw.of([
      'mail-accepted',
      'mail-delivered',
      'mail-removed',
      'object-sent',
      'transaction-taken',
      'transaction-acknowledged',
      'bundle-created',
      'bundle-sent',
      'bundle-received',
      'bundle-delivered',
    ]),
    count: draw.whole(1, 4),
    laterMs: draw.of([0, 0, 1, 2, 10]),
  }
}
