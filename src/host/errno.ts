/** The name of a system error (`ENOENT`); whatever is not one is a mistake of ours and thrown on. */
export function errnoOf(error: unknown): string {
  if (error instanceof Error && 'syscall' in error && 'code' in error) return String(error.code)
  throw error
}
