import { get } from 'node:https'
import { type Https, httpsFault } from '../ports/https.ts'

/** `ca` is for tests: PEM of the authorities that are believed in place of the system's. */
export function hostHttps(ca?: string): Https {
  return {
    getText: (url, { bytesMax, timeoutMs }) =>
      new Promise((resolve, reject) => {
        if (!URL.canParse(url)) {
          reject(httpsFault(`${url}: no URL`))
          return
        }
        const fail = (why: string): void => {
          reject(httpsFault(`${url}: ${why}`))
          request.destroy()
        }
        const request = get(
          url,
          { agent: false, headers: { accept: 'text/plain' }, ...(ca !== undefined && { ca }) },
          (response) => {
            const { statusCode, headers } = response
            if (statusCode !== 200) return fail(`answered ${statusCode}`)
            const type = headers['content-type'] ?? ''
            if (!/^text\/plain *(?:;|$)/i.test(type)) return fail(`of type ${type || 'unknown'}`)
            const chunks: Buffer[] = []
            let bytes = 0
            response.on('data', (chunk: Buffer) => {
              bytes += chunk.length
              if (bytes > bytesMax) return fail(`more than ${bytesMax} bytes`)
              chunks.push(chunk)
            })
            response.on('end', () => {
              clearTimeout(timer)
              resolve(Buffer.concat(chunks).toString('utf8'))
            })
            response.on('error', (error) => fail(error.message))
          },
        )
        const timer = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs)
        request.on('error', (error) => fail(error.message))
        request.on('close', () => clearTimeout(timer))
      }),
  }
}
