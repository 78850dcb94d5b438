import type { Json, JsonObject } from '../../core/index.js'
import { Fault } from '../fault.js'

/** The members of a request's body. @throws `Fault` if it is not an object or has other members. */
export function members(body: Json, known: readonly string[]): JsonObject {
  if (!isObject(body)) throw new Fault('invalid-request', 'Cannot read the request: the body is not a JSON object.')
  const other = Object.keys(body).find((name) => !known.includes(name))
  if (other !== undefined)
    throw new Fault(
      'invalid-request',
      `Cannot read the request: the member ${JSON.stringify(other.slice(0, 100))} is not supported. Known members: ${known.join(', ')}.`,
    )
  return body
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** One input or a list of them. */
export const listOf = (value: Json | undefined): readonly Json[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value as Json]

/** The labels of a prediction with their probabilities, the most probable first. */
export function byProbability(probabilities: Readonly<Record<string, number>>): readonly (readonly [string, number])[] {
  return Object.entries(probabilities).sort(([, left], [, right]) => right - left)
}

export const notSupported = (fact: string, remedy = 'Use POST /v1/predict') =>
  new Fault('not-supported', `Cannot answer in this protocol: ${fact}. ${remedy}.`)
