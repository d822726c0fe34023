/** Values on the command line of the benchmarks. */

import { InvalidArgumentError } from 'commander'

export function number(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('A whole number above 0.')
}

/** With commas between them. */
export function numbers(text: string): readonly number[] {
  return text.split(',').map(number)
}

/** For a list of some of `names`, with commas between them. */
export function someOf<Name extends string>(
  names: readonly Name[],
): (text: string) => readonly Name[] {
  return (text) =>
    text.split(',').map((part) => {
      const name = names.find((each) => each === part)
      if (name === undefined) throw new InvalidArgumentError(`One of ${names.join(', ')}.`)
      return name
    })
}
