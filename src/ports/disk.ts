/** Files. Paths are absolute, with `/`. Every rejection is a Fault with one of these codes. */

import { asFault, type Result } from '../base/fault.ts'

/** Whether one is temporary follows from its code: `isTemporaryDiskFault`. */
export type DiskFaultCode =
  | 'disk/not-found'
  | 'disk/exists'
  | 'disk/not-a-directory'
  | 'disk/permission-denied'
  | 'disk/full'
  | 'disk/failed'

/**
 * What is absent or taken stays so. All else an operator can put right, also a file in the way of a
 * directory, and no mail should be given up before that.
 */
export function isTemporaryDiskFault(code: DiskFaultCode): boolean {
  return code !== 'disk/not-found' && code !== 'disk/exists'
}

/** For a `catch`: whether it was that. Throws on what is no Fault. */
export function isNotFound(error: unknown): boolean {
  return asFault(error).code === 'disk/not-found'
}

/** For a `catch`: throws all else on. */
export function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error
}

export interface Disk {
  /** A new file for writing; `disk/exists` where the name is taken. */
  create(path: string): Promise<FileWriter>
  /**
   * A new file with these bytes, taken over; its content is durable when it resolves, its name needs
   * `syncDirectory`. Where it rejects there is no file; `disk/exists` where the name was taken.
   */
  writeNew(path: string, bytes: Uint8Array): Promise<void>
  /** `disk/not-found` where there is none. */
  open(path: string): Promise<FileReader>
  /**
   * The first octets of each file, fewer only where it has fewer; each has its own answer, in their
   * order. All are in memory at once: the caller bounds them.
   */
  readStarts(files: readonly FileStart[]): Promise<readonly DiskResult<Uint8Array>[]>
  /** As `readStarts`, with what `digest` makes of each in place of it: where there are threads, they make it. */
  digestStarts(
    files: readonly FileStart[],
    digest: Digest,
  ): Promise<readonly DiskResult<Uint8Array>[]>
  /**
   * Replaces a file, or an empty directory by a directory, in one step; `disk/not-a-directory` for a
   * directory in place of a file, `disk/failed` for any other unequal pair. Durable only after
   * `syncDirectory` of both directories.
   */
  rename(from: string, to: string): Promise<void>
  /** As `rename`, one after the other; each has its own answer, in their order. */
  renameEach(moves: readonly Move[]): Promise<readonly DiskResult<void>[]>
  /**
   * A second name for a file. `disk/not-found` where there is no such file, `disk/exists` where the
   * new name is taken, `disk/failed` where the two lie on places that share no files. Durable as a
   * rename is.
   */
  link(from: string, to: string): Promise<void>
  /** Of a file; `disk/not-found` where there is none. */
  remove(path: string): Promise<void>
  /** As `remove`, one after the other; each has its own answer, in their order. */
  removeEach(paths: readonly string[]): Promise<readonly DiskResult<void>[]>
  /** An empty one; `disk/not-found` where there is none, `disk/failed` where something is in it. */
  removeDirectory(path: string): Promise<void>
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>
  /** With its missing parents, all durable; content where it exists already. */
  makeDirectory(path: string): Promise<void>
  /** The names in it, sorted by code unit; `disk/not-found` where there is no such directory. */
  list(path: string): Promise<readonly string[]>
  /** Undefined where nothing is there. */
  stat(path: string): Promise<FileStatus | undefined>
}

export type DiskResult<T> = Result<T, DiskFaultCode>

export interface Move {
  readonly from: string
  readonly to: string
}

export interface FileStart {
  readonly path: string
  /** Octets that are wanted of it. */
  readonly length: number
}

/** What is to be known of files' beginnings, made where they are read. */
export interface Digest {
  /** By which a thread finds `make`. */
  readonly name: string
  /** Pure, and throws nothing. Borrows the octets, fewer than `wanted` where the file has fewer. */
  readonly make: (start: Uint8Array, wanted: number) => Uint8Array
}

/** For a disk that has no threads. */
export function digestEach(
  files: readonly FileStart[],
  starts: readonly DiskResult<Uint8Array>[],
  { make }: Digest,
): readonly DiskResult<Uint8Array>[] {
  return starts.map((start, i) =>
    start.ok ? { ok: true, value: make(start.value, files[i]?.length ?? 0) } : start,
  )
}

export interface FileStatus {
  readonly kind: 'file' | 'directory'
  readonly sizeBytes: number
  /** Milliseconds since 1970. */
  readonly modifiedMs: number
}

export interface FileWriter {
  append(bytes: Uint8Array): Promise<void>
  /** Makes the content durable; the name needs `syncDirectory`. */
  sync(): Promise<void>
  close(): Promise<void>
}

export interface FileReader {
  readonly sizeBytes: number
  /** Fewer than `length` bytes only at the end of the file. */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}
