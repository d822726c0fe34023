/** Numbers in the text format of Prometheus, version 0.0.4. */

export type Labels = Readonly<Record<string, string>>

export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** `suffix` is added to the name: those of a histogram have several. */
  readonly samples: readonly (readonly [labels: Labels, value: number, suffix?: string])[]
}

/** A line for each number, LF at the end. */
export function formatMetrics(metrics: readonly Metric[]): string {
  return metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(
        ([labels, value, suffix = '']) => `${name}${suffix}${formatLabels(labels)} ${value}`,
      ),
    ])
    .map((line) => `${line}\n`)
    .join('')
}

function formatLabels(labels: Labels): string {
  const entries = Object.entries(labels)
  if (entries.length === 0) return ''
  return `{${entries.map(([name, value]) => `${name}="${escapeLabel(value)}"`).join(',')}}`
}

function escapeLabel(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}

/** A counter for each set of labels that has been counted. */
export class CounterFamily {
  readonly #counts = new Map<string, { readonly labels: Labels; count: number }>()

  /** `labels` have few values each: every set of them stays. */
  add(labels: Labels, count = 1): void {
    const key = Object.values(labels).join('\0')
    const known = this.#counts.get(key)
    if (known === undefined) this.#counts.set(key, { labels, count })
    else known.count += count
  }

  metric(name: string, help: string): Metric {
    const samples = [...this.#counts.values()].map(({ labels, count }) => [labels, count] as const)
    return { name, type: 'counter', help, samples }
  }
}

/** How many values were at most so large, for each set of labels. */
export class HistogramFamily {
  readonly #bounds: readonly number[]
  readonly #counts = new Map<string, { labels: Labels; buckets: number[]; sum: number }>()

  /** `bounds` ascend. */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds
  }

  add(labels: Labels, value: number): void {
    const key = Object.values(labels).join('\0')
    let known = this.#counts.get(key)
    if (known === undefined) {
      known = { labels, buckets: new Array<number>(this.#bounds.length + 1).fill(0), sum: 0 }
      this.#counts.set(key, known)
    }
    const index = this.#bounds.findIndex((bound) => value <= bound)
    const bucket = index < 0 ? this.#bounds.length : index
    known.buckets[bucket] = (known.buckets[bucket] ?? 0) + 1
    known.sum += value
  }

  metric(name: string, help: string): Metric {
    const samples = [...this.#counts.values()].flatMap(({ labels, buckets, sum }) => {
      let count = 0
      const upTo = buckets.map((inBucket, i) => {
        count += inBucket
        const le = String(this.#bounds[i] ?? '+Inf')
        return [{ ...labels, le }, count, '_bucket'] as const
      })
      return [...upTo, [labels, sum, '_sum'] as const, [labels, count, '_count'] as const]
    })
    return { name, type: 'histogram', help, samples }
  }
}
