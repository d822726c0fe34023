import { expect } from 'vitest'

/** Every element that opens closes, in order, and no text has what XML does not. */
export function expectWellFormed(svg: string): void {
  const open: string[] = []
  for (const [, close, name = '', , selfClosing] of svg.matchAll(
    /<(\/?)([a-zA-Z]+)((?:\s[\w:-]+="[^"<&]*(?:&#\d+;[^"<&]*)*")*)\s*(\/?)>/g,
  )) {
    if (close === '/') expect(open.pop()).toBe(name)
    else if (selfClosing !== '/') open.push(name)
  }
  expect(open).toEqual([])
  const left = svg.replace(/<\/?[a-zA-Z]+(?:\s[\w:-]+="[^"<]*")*\s*\/?>/g, '')
  expect(left).not.toMatch(/[<>]|&(?!#\d+;)/)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(svg).not.toMatch(/[\x00-\x08\x0b-\x1f\ufffe]/)
}
