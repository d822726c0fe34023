/** Ends a command: its message goes to standard error as it is, and its exit status is `status`. */
export class Failure extends Error {
  override readonly name: string = 'Failure'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}
