import { SheikhError } from '../core/index.js'
import type { QueueOptions } from '../execute/index.js'
import type { Arguments, Command } from './command.js'

/** The options of commands that use the queue of a cluster. */
export const queueOptions = {
  redis: { type: 'string' },
  postgres: { type: 'string' },
  'password-env': { type: 'string' },
  queue: { type: 'string' },
} satisfies Command['options']

export const queueHelp: Command['optionHelp'] = {
  redis: 'Address of Redis, such as redis://queue.example:6379; needs the packages bullmq and ioredis',
  postgres: 'Address of PostgreSQL, such as postgres://ann@queue.example/jobs; needs the packages bullmq and pg',
  'password-env': 'Environment variable with the password for the address',
  queue: 'Name of the queue (default: sheikh)',
}

type Values = Arguments['values']

export const textIn = (values: Values, name: string): string | undefined => {
  const value = values[name]
  return typeof value === 'string' ? value : undefined
}

/**
 * The queue that the options name, with the password of the environment; `undefined` if they name none.
 *
 * @param fail makes the error of a fact.
 */
export function queueIn(values: Values, fail: (fact: string) => SheikhError): QueueOptions | undefined {
  const given = Object.keys(queueOptions).find((name) => values[name] !== undefined)
  if (given === undefined) return undefined
  if (values['redis'] === undefined && values['postgres'] === undefined)
    throw fail(`--${given} needs an address. Give --redis or --postgres`)
  const variable = textIn(values, 'password-env')
  const password = variable === undefined ? undefined : process.env[variable]
  if (variable !== undefined && !password)
    throw fail(`the environment variable "${variable}" is not set or empty. Set it`)
  const withPassword = (name: string) => {
    const text = textIn(values, name)
    // An address that is none is refused with the others.
    if (text === undefined || password === undefined || !URL.canParse(text)) return text
    const url = new URL(text)
    url.password = encodeURIComponent(password)
    return url.href
  }
  return { redis: withPassword('redis'), postgres: withPassword('postgres'), queue: textIn(values, 'queue') }
}

/**
 * The workers that the options name, on this machine or on others.
 *
 * @param fail makes the error of a fact.
 */
export function workersIn(
  values: Values,
  fail: (fact: string) => SheikhError,
): { readonly workers?: number; readonly cluster?: QueueOptions } {
  const workers = countIn(values, 'workers', fail)
  const cluster = queueIn(values, fail)
  if (cluster !== undefined && workers !== undefined)
    throw fail('--workers is for this machine, and --redis and --postgres are for others. Give one of them')
  return { ...(workers !== undefined && { workers }), ...(cluster !== undefined && { cluster }) }
}

export function countIn(values: Values, name: string, fail: (fact: string) => SheikhError): number | undefined {
  const text = textIn(values, name)
  if (text === undefined || /^[1-9]\d{0,8}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw fail(`--${name} is ${JSON.stringify(text)}. Give an integer of at least 1`)
}

/** Makes the usage errors of a command. @param purpose as in "Cannot <purpose>". */
export const usageOf = (command: string, purpose: string) => (fact: string) =>
  new SheikhError('invalid-options', `Cannot ${purpose}: ${fact}. See: sheikh ${command} --help`)
