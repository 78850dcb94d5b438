import pRetry, { AbortError } from 'p-retry'
import { isPrivateAddress, type Json, type JsonObject, messageOf, SheikhError, webAddress } from '../core/index.js'
import type { LookUpFeatures } from './online-features.js'

export interface FeastLookUpOptions {
  /** The address of `feast serve`, such as `http://127.0.0.1:6566`. */
  readonly url: string
  /**
   * The features by their name in a sample: `{ conv_rate: 'driver_hourly_stats:conv_rate' }`. With `featureService`, without the
   * view: `{ conv_rate: 'conv_rate' }`.
   */
  readonly features: Readonly<Record<string, string>>
  /** The feature service of Feast to ask for. All `features` must belong to it. @default none: the features are asked for one by one */
  readonly featureService?: string | undefined
  /** The join keys of Feast by field of an input. @default the same names */
  readonly joinKeys?: Readonly<Record<string, string>> | undefined
  /** A bearer token. Sent over TLS, or to this machine. @default none */
  readonly token?: string | undefined
  /** Maximum time of a look-up with its retries, in milliseconds. @default 2000 */
  readonly timeoutMs?: number | undefined
  /** How often a look-up is repeated after a failed connection or a status of 429 or 5xx. @default 2 */
  readonly retries?: number | undefined
  /** @default the global one */
  readonly fetch?: typeof fetch | undefined
}

/** 256 entities with a hundred features take about 2 MB. */
const maximumBytes = 32_000_000

/**
 * Looks up features with Feast's HTTP server, `POST /get-online-features`
 * (https://docs.feast.dev/reference/feature-servers/python-feature-server).
 *
 * A value counts if its status is `PRESENT`. `NOT_FOUND`, `NULL_VALUE` and `OUTSIDE_MAX_AGE` are null, as is NaN.
 *
 * @throws `invalid-options` for an address, features or limits that cannot be used.
 */
export function feastLookUp(options: FeastLookUpOptions): LookUpFeatures {
  const { url, features, featureService, joinKeys = {}, token, timeoutMs = 2000, retries = 2 } = options
  const address = new URL(
    'get-online-features',
    `${webAddress(url, 'the address of Feast', 'http://127.0.0.1:6566').replace(/\/+$/, '')}/`,
  )
  const refuse = (fact: string, remedy: string) =>
    new SheikhError('invalid-options', `Cannot look up features with Feast: ${fact}. ${remedy}.`)
  const names = Object.keys(features)
  const isOfService = featureService !== undefined
  const pattern = isOfService ? /^[^:]+$/ : /^[^:]+:[^:]+$/
  const wrong = Object.values(features).find((feature) => !pattern.test(feature))
  if (names.length === 0) throw refuse('there are no features', 'Name them in "features"')
  if (featureService === '') throw refuse('the feature service has no name', 'Name it in "featureService"')
  if (wrong !== undefined && isOfService)
    throw refuse(`the feature ${JSON.stringify(wrong)} of a service has a view`, 'Write it as "feature"')
  if (wrong !== undefined)
    throw refuse(`the feature ${JSON.stringify(wrong)} has no view`, 'Write it as "view:feature"')
  if (token !== undefined && !isPrivateAddress(address))
    throw refuse('a token would be sent over http', 'Use an address with https')
  if (!(timeoutMs > 0 && timeoutMs < 2 ** 31) || !(Number.isInteger(retries) && retries >= 0))
    throw refuse('"timeoutMs" or "retries" is not a number that can be used', 'Correct it')
  const keyOf = (field: string) => joinKeys[field] ?? field
  return async (entities) => {
    const fields = Object.keys(entities[0] ?? {})
    const body = JSON.stringify({
      ...(isOfService ? { feature_service: featureService } : { features: Object.values(features) }),
      entities: Object.fromEntries(fields.map((field) => [keyOf(field), entities.map((one) => one[field])])),
      full_feature_names: !isOfService,
    })
    const signal = AbortSignal.timeout(timeoutMs)
    const ask = async () => {
      const answer = await (options.fetch ?? fetch)(address, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
        },
        ...{ body, signal, redirect: 'error' },
      }).catch((error: unknown) => {
        throw failed(messageOf(error), true, error)
      })
      if (answer.ok) return readJson(answer)
      await answer.body?.cancel()
      const isTemporary = answer.status === 429 || answer.status >= 500
      const error = failed(`it answered with the status ${answer.status}`, isTemporary)
      throw isTemporary ? error : new AbortError(error)
    }
    try {
      const found = await pRetry(ask, { retries, minTimeout: 20, maxTimeout: 500, randomize: true, signal })
      return rowsOf(
        found,
        names.map((name) => features[name]!.replace(':', '__')),
        names,
        entities.length,
      )
    } catch (error) {
      throw signal.aborted ? failed(`it did not answer within ${timeoutMs} ms`, true, error, { timeoutMs }) : error
    }
  }
}

const failed = (fact: string, retryable: boolean, cause?: unknown, facts: JsonObject = {}) =>
  new SheikhError('remote-failed', `Cannot look up features with Feast: ${fact}. See the log of Feast.`, {
    ...{ retryable, cause, facts },
  })

async function readJson(answer: Response): Promise<unknown> {
  const pieces: Uint8Array[] = []
  let size = 0
  // `for await` cancels the rest of the body.
  for await (const piece of answer.body ?? []) {
    size += piece.length
    if (size > maximumBytes) throw new AbortError(failed(`its answer has more than ${maximumBytes} bytes`, false))
    pieces.push(piece)
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString('utf8'))
  } catch (error) {
    throw new AbortError(failed('its answer is not JSON', false, error))
  }
}

/** Feast answers with one list per feature, and the names of the lists. */
function rowsOf(
  found: unknown,
  wanted: readonly string[],
  names: readonly string[],
  count: number,
): readonly JsonObject[] {
  const { metadata, results } = (found ?? {}) as { metadata?: { feature_names?: unknown }; results?: unknown }
  const given = metadata?.feature_names
  if (!Array.isArray(given) || !Array.isArray(results) || results.length !== given.length)
    throw failed('its answer does not name its features', false)
  const rows: Record<string, Json>[] = Array.from({ length: count }, () => ({}))
  for (const [index, name] of names.entries()) {
    const vector = results[given.indexOf(wanted[index]!)] as { values?: unknown; statuses?: unknown } | null | undefined
    const { values, statuses } = vector ?? {}
    if (!Array.isArray(values) || !Array.isArray(statuses) || values.length !== count || statuses.length !== count)
      throw failed(`its answer lacks the feature "${wanted[index]}"`, false)
    for (const [at, row] of rows.entries()) {
      const isPresent = statuses[at] === 'PRESENT' && values[at] !== 'NaN'
      row[name] = isPresent ? (values[at] as Json) : null
    }
  }
  return rows
}
