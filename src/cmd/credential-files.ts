/** Passwords for smart hosts and secrets shared with peers, each in a file of its own that nobody else may read. */

import { dirname, resolve } from 'node:path'
import { Fault } from '../base/fault.ts'
import type { ConfigFaultCode } from '../config/fault.ts'
import { parseCredentials } from '../config/mail-outgoing.ts'
import type { NodeConfig } from '../config/node-config.ts'
import { parseSecret, SECRET_EXPECTED } from '../config/peers.ts'
import { readPrivateFile } from '../host/private-file.ts'

/** Throws a Fault where a file is not there, open to others, or not what it should be. */
export function withCredentials(config: NodeConfig, configFile: string): NodeConfig {
  return withSecrets(withPasswords(config, configFile), configFile)
}

function withSecrets(config: NodeConfig, configFile: string): NodeConfig {
  const { peers, secretFiles } = config
  if (peers === undefined) return config
  return {
    ...config,
    peers: peers.map((peer) => {
      const name = secretFiles.get(peer.name)
      if (name === undefined) return peer
      return { ...peer, secret: readSecret(resolve(dirname(configFile), name)) }
    }),
  }
}

function readSecret(file: string): string {
  const secret = parseSecret(textOf(file))
  if (secret !== undefined) return secret
  throw unreadable(`${file}:1: no secret: ${SECRET_EXPECTED} would be right`)
}

function withPasswords(config: NodeConfig, configFile: string): NodeConfig {
  const { outgoing, credentialFiles } = config
  if (outgoing === undefined) return config
  const routes = outgoing.routes?.map((route) => {
    const name = credentialFiles.get(route.route)
    if (name === undefined) return route
    return { ...route, credentials: readCredentials(resolve(dirname(configFile), name)) }
  })
  return { ...config, outgoing: { ...outgoing, ...(routes && { routes }) } }
}

function readCredentials(file: string): { readonly user: string; readonly password: string } {
  const credentials = parseCredentials(textOf(file))
  if (credentials !== undefined) return credentials
  throw unreadable(`${file}:1: no credentials: one line "user:password" would be right`)
}

function textOf(file: string): string {
  const text = readPrivateFile(file)
  if (text === undefined) throw unreadable(`cannot read ${file}: it is not there`)
  return text
}

function unreadable(message: string): Fault {
  return new Fault<ConfigFaultCode>('config/unreadable', message, { temporary: false })
}
