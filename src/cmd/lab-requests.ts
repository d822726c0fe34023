/** What commands and a running lab say to each other over its control socket, as JSON. */

import type { LinkQuality } from '../config/link-quality.ts'
import type { PowerAction } from '../lab/desk.ts'
import type { Detail, SequenceForm } from '../lab/pictures/choices.ts'
import type { AskedFilter } from '../lab/pictures/pictures.ts'

export interface LabState {
  readonly name: string
  readonly scenario: string
  readonly speed: number | 'max'
  readonly pid: number
  /** Virtual milliseconds since the start. */
  readonly now: number
  /** Virtual milliseconds that it lags behind its speed, because the machine is too slow. */
  readonly behindMs: number
  /** Civil time in the lab, POSIX milliseconds. */
  readonly wall: number
  readonly packets: number
  readonly recording?: string
  readonly hosts: readonly HostState[]
  readonly links: readonly LinkState[]
}

export interface HostState {
  readonly host: string
  readonly address: string
  readonly network: string
  readonly node: string
  readonly isOn: boolean
  readonly services: readonly ServiceState[]
  /** Commands that run there, each with its arguments. */
  readonly commands: readonly string[]
}

export interface ServiceState {
  readonly service: string
  readonly port: number
  /** Where programs of this machine reach it: `127.0.0.1:35001`. */
  readonly published?: string
}

/** One direction. */
export interface LinkState {
  readonly from: string
  readonly to: string
  readonly quality: LinkQuality
}

export interface ExecRequest {
  readonly host: string
  readonly words: readonly string[]
  readonly user?: string
  readonly terminal?: { readonly input: boolean; readonly output: boolean }
}

/** Empty where nothing has been written and it has not ended, which is asked for again. */
export interface ExecProgress {
  readonly written: readonly { readonly stream: 'output' | 'errors'; readonly bytes: string }[]
  readonly status?: number
}

export interface LinkRequest {
  readonly between: readonly [string, string]
  readonly oneWay?: boolean
  readonly change: Partial<LinkQuality>
}

export interface PowerRequest {
  readonly host: string
  readonly action: PowerAction
}

export interface ProcessRequest {
  readonly process: number
}

export interface TypeRequest extends ProcessRequest {
  /** Base64. */
  readonly bytes: string
}

export interface CaptureStopRequest {
  /** Absolute. */
  readonly file: string
  /** The host whose view it is. */
  readonly at?: string
}

export interface CaptureStopped {
  readonly packets: number
}

export interface DiagramRequest {
  readonly detail: Detail
  readonly form: SequenceForm
  readonly filter: AskedFilter
}
