import type { IonFaultCode } from './fault.ts'

/** One thing to say about one place of a file. */
export interface Notice {
  readonly file: string
  /** From 1, as the column. */
  readonly line: number
  readonly column: number
  /** In one line; of what is wrong: what was read and what would be right. */
  readonly message: string
}

export interface Problem extends Notice {
  readonly code: IonFaultCode
  /** What ION's own program prints, where it prints anything. */
  readonly reply?: string
}

/** `file:line:column: message`. */
export function formatNotice({ file, line, column, message }: Notice): string {
  return `${file}:${line}:${column}: ${message}`
}
