/** `path` seen from `directory`. Absolute, without `.`, `..` and empty names. */
export function absolutePath(path: string, directory: string): string {
  const names: string[] = []
  for (const name of (path.startsWith('/') ? path : `${directory}/${path}`).split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return `/${names.join('/')}`
}
