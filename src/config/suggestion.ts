/** The one of several words that somebody may have meant who wrote another. */

/** Undefined where none or several differ little from what was written. */
export function nearest(written: string, words: readonly string[]): string | undefined {
  const near = words.filter((word) => isNear(written, word))
  return near.length === 1 ? near[0] : undefined
}

/** One letter is other, too much or missing, or two have changed places. */
function isNear(a: string, b: string): boolean {
  if (a.length < 3 || Math.abs(a.length - b.length) > 1) return false
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  const [left, right] = [a.slice(start), b.slice(start)]
  if (left.length !== right.length) return left.slice(1) === right || left === right.slice(1)
  const swapped = `${left[1]}${left[0]}${left.slice(2)}`
  return left.slice(1) === right.slice(1) || swapped === right
}

const SHOWN_MAX = 12

/** `unknown host mai-1 (did you mean mail-1?): one of mail-1, mail-2 would be right`. */
export function unknown(what: string, name: string, names: readonly string[]): string {
  const near = nearest(name, names)
  const meant = near === undefined ? '' : ` (did you mean ${near}?)`
  const expected = names.length === 0 ? `a ${what}` : `one of ${some(names)}`
  return `unknown ${what} ${name}${meant}: ${expected} would be right`
}

/** Not all where they are many. */
export function some(names: readonly string[]): string {
  const shown = names.slice(0, SHOWN_MAX).join(', ')
  return names.length > SHOWN_MAX ? `${shown}, …` : shown
}
