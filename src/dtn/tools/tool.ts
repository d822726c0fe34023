/** What ION's command-line tools have in common: arguments, a node, standard streams, an end. */

import { fromUtf8 } from '../../base/bytes.ts'
import { addMs } from '../../base/time.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Disk } from '../../ports/disk.ts'
import type { Dns } from '../../ports/dns.ts'
import type { Entropy } from '../../ports/entropy.ts'
import type { Packing } from '../../ports/packing.ts'
import { type EndpointId, parseEndpointId } from '../../proto/bpv7/endpoint-id.ts'
import type { NodeClient } from '../control/node-client.ts'

export interface Tool {
  /** As ION prints it. */
  readonly usage: string
  /** Which of ION's streams the usage goes to. */
  readonly usageOn: 'output' | 'errors'
  /** With which it ends where its arguments are not understood; default: 2. */
  readonly usageStatus?: number
  /** With which it ends where it failed and may succeed later; default: as where it failed for good. */
  readonly temporaryStatus?: number
  /** Undefined where the arguments are not understood, which the usage answers. */
  parse(args: readonly string[]): ToolRun | undefined
}

export interface ToolRun {
  /** An endpoint of the node to be used, where the arguments name one. */
  readonly own: EndpointId | undefined
  /** Resolves with the exit status. Rejects with a Fault of the node's. */
  run(ports: ToolPorts): Promise<number>
}

export interface NameSources {
  readonly servers: readonly string[] | undefined
  readonly ipnFile: string | undefined
}

export interface ToolPorts {
  readonly client: NodeClient
  readonly clock: Clock
  readonly entropy: Entropy
  readonly disk: Disk
  readonly packing: Packing
  /**
   * Asks the servers that are named, as `-s` of a tool has them, or those of the system; but not where
   * the file says it. Throws a Fault where that cannot be read.
   */
  readonly names: (from: NameSources) => Pick<Dns, 'resolveIpn'>
  /** Where files with relative names are; absolute. */
  readonly directory: string
  readonly processId: number
  readonly output: (bytes: Uint8Array) => void
  readonly errors: (bytes: Uint8Array) => void
  /** Resolves when all output has left; never where nobody takes it. */
  readonly flushed: () => Promise<void>
  /** The next bytes of standard input; undefined at its end. */
  readonly input: () => Promise<Uint8Array | undefined>
  /** Resolves at Ctrl-C. */
  readonly interrupted: Promise<void>
}

export function printLine({ output }: Pick<ToolPorts, 'output'>, line: string): void {
  output(fromUtf8(`${line}\n`))
}

/** How long something took and how much it moved, in the words of bpdriver and bpcounter. */
export function rateLines(durationMs: number, bytes: number): readonly string[] {
  return [
    `Time (seconds): ${(durationMs / 1000).toFixed(3)}`,
    `Total bytes: ${bytes}`,
    durationMs > 0
      ? `Throughput (Mbps): ${((bytes * 8) / 1000 / durationMs).toFixed(3)}`
      : 'Interval is too short to measure rate.',
  ]
}

/** Undefined where `text` is absent or no endpoint. */
export function endpointOf(text: string | undefined): EndpointId | undefined {
  return text === undefined ? undefined : parseEndpointId(text)
}

/** The whole number that `text` begins with, as C's atoi reads it: 0 where there is none. */
export function leadingInteger(text: string): number {
  return Number(/^\s*([+-]?\d{1,15})/.exec(text)?.[1] ?? 0)
}

/** Resolves after `durationMs`. */
export function pause(clock: Clock, durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.at(addMs(clock.now(), durationMs), resolve)
  })
}
