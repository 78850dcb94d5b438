import { isIPv4 } from 'node:net'
import { isLoopback, SheikhError } from '../core/index.js'

/** Whether only programs of this machine reach the address. */
export const isThisMachine = (host: string) =>
  (isIPv4(host) && host.startsWith('127.')) || isLoopback(host.includes(':') ? `[${host}]` : host)

/**
 * The token or secret in an environment variable.
 *
 * @throws `invalid-options` if the variable is not set: a server that lost its token must not be open to everybody.
 */
export function tokenIn(variable: string | undefined, command: string): string | undefined {
  if (variable === undefined) return undefined
  const token = process.env[variable]
  if (token) return token
  throw cannotServe(`the environment variable "${variable}" is not set or empty. Set it`, command)
}

/** @throws `invalid-options`. */
export function portOf(text: string, command: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw cannotServe(`--port is ${JSON.stringify(text)}. Give a number from 0 to 65535`, command)
}

export const cannotServe = (fact: string, command: string) =>
  new SheikhError('invalid-options', `Cannot serve: ${fact}. See: sheikh ${command} --help`)
