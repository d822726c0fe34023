import { type Https, httpsFault } from '../ports/https.ts'

/** A table of texts by URL that every host of a lab sees; it may change meanwhile. */
export function labHttps(pages: ReadonlyMap<string, string>): Https {
  return {
    getText: async (url, { bytesMax }) => {
      const text = pages.get(url)
      if (text === undefined) throw httpsFault(`${url}: no such server`)
      if (text.length > bytesMax) throw httpsFault(`${url}: more than ${bytesMax} bytes`)
      return text
    },
  }
}
