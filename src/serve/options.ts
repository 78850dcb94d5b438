import { type CallContext, type Json, SheikhError } from '../core/index.js'
import type { JsonSchema } from '../dataset/index.js'
import type { DriftAtMoment } from '../drift/index.js'
import type { Bundle, Release, ReleasedModel, Releaser } from '../releaser/index.js'
import type { Trainer } from '../trainer/index.js'
import type { ServeExperiment } from './experiment-handler.js'
import type { ServeFeedback } from './feedback/feedback-options.js'

/** A registry to serve from: a version, or a channel that may be followed. */
export interface RegistryToServe<I> {
  readonly registry: Releaser
  /** The trainer that made the release, or one that can load its files. */
  readonly trainer: Pick<Trainer<I, never>, 'load'>
  /** @default 'latest' */
  readonly channel?: string | undefined
  /** A version to serve instead of a channel. */
  readonly version?: string | undefined
  /** A folder that caches bundles, so that the server also starts if the registry is unreachable. @default none */
  readonly cache?: string | undefined
  /**
   * Where the model predicts. `own`: in a separate thread, if the trainer can do that, so that the event loop of the
   * server stays free. @default 'own'
   */
  readonly thread?: 'own' | 'caller' | undefined
  /**
   * How often the registry is asked which release the channel points at, in milliseconds from 100. `POST /v1/refresh`
   * asks it at once, also without `pollMs`. A new release is verified,
   * loaded and tried with `smokeInputs` beside the old one, and then answers the next request. Not together with
   * `version`. @default never
   */
  readonly pollMs?: number | undefined
  /**
   * Secret of the webhooks that may ask `POST /v1/refresh` to look at the channel: `whsec_` and at least 24 random bytes
   * in base64. Accepts the signatures of the Standard Webhooks specification and of GitHub. A request with the bearer
   * token needs no signature. @default only the token counts
   */
  readonly refreshSecret?: string | undefined
  /**
   * Called for each release when its files are verified, before its model is loaded. An error refuses the release. What
   * it returns takes the place of the settings with the same names. The files are in `bundle.directory` until the
   * model is freed. @default accepts every release
   */
  readonly forRelease?:
    | ((release: Release, bundle: Bundle, context: CallContext) => Promise<ReleaseSettings<I>>)
    | undefined
}

/** The model to serve: one that is loaded, or where to load it from. */
export type ServedFrom<I> =
  | {
      /** A loaded release. The caller disposes it, after the handler. */
      readonly model: ReleasedModel<I>
    }
  | RegistryToServe<I>

/** What `prepare` gets from its handler. */
export interface PrepareContext {
  /** To be called after each look-up of features, for `/metrics`. @default nobody counts look-ups */
  readonly onLookUp?: ((lookUp: FeatureLookUp) => void) | undefined
}

/** A look-up of features, for the values of one or more requests. */
export interface FeatureLookUp {
  /**
   * `unavailable`: the store failed. `timeout`: it did not answer in time. `invalid`: its answer is malformed, or it refused the
   * question. An answer with a value of the wrong type counts as `answered`.
   */
  readonly outcome: 'answered' | 'unavailable' | 'timeout' | 'invalid'
  readonly durationMs: number
}

/** The settings that may differ between releases. */
export interface ReleaseSettings<I> {
  /**
   * What an input must look like: a JSON Schema of draft 2020-12, or of the draft that its `$schema` names. It may refer to
   * its own parts. It is trusted like code. @default `{ type: 'string' }`
   */
  readonly inputSchema?: JsonSchema | undefined
  /**
   * Makes the model's inputs from the valid inputs of one request. A `dataset-invalid` or `template-invalid` error is the
   * client's. @default the inputs as they are
   */
  readonly prepare?: ((values: readonly Json[], context?: PrepareContext) => Promise<readonly I[]>) | undefined
  /**
   * Inputs that a release must predict before it answers requests. Their texts are not logged.
   * @default `['warm-up']` if `inputSchema` is not given, otherwise none
   */
  readonly smokeInputs?: readonly Json[] | undefined
}

export interface HandlerSettings<I> extends ReleaseSettings<I> {
  /** The name of the model in the protocols that have one: 1 to 100 letters, digits, `.`, `_` and `-`. @default 'model' */
  readonly name?: string | undefined
  /** The path under which the handler is mounted, such as `/models/mail`. @default none */
  readonly basePath?: string | undefined
  /**
   * The bearer token that clients must send, or several of them. Every path except health asks for it. Empty tokens are
   * rejected. @default none: everybody may ask
   */
  readonly token?: string | readonly string[] | undefined
  /** Maximum inputs per call of the model. @default 64 */
  readonly maximumBatch?: number | undefined
  /**
   * How long an input waits for others before an incomplete batch starts, in milliseconds. Inputs that arrive during a
   * batch form the next one in any case. @default 0
   */
  readonly maximumDelayMs?: number | undefined
  /** Maximum inputs that wait. A request that would exceed it is answered with 429. @default 1024 */
  readonly maximumQueue?: number | undefined
  /** Maximum inputs per request. @default 256 */
  readonly maximumInputs?: number | undefined
  /** Maximum requests in progress. More are answered with 429. @default 1024 */
  readonly maximumConcurrency?: number | undefined
  /** Maximum size of a request's body. @default 1048576 */
  readonly maximumBodyBytes?: number | undefined
  /** Maximum time of a request, from its first byte to the answer, in milliseconds. @default 30000 */
  readonly timeoutMs?: number | undefined
  /** Adds `/metrics` in the format of Prometheus. Needs the package `prom-client`. @default false */
  readonly metrics?: boolean | undefined
  /**
   * The last drift report and when it was made, in milliseconds since 1970, for `/metrics`; `undefined` if there is none yet.
   * Called for each request of `/metrics`. `readDriftReport` of `sheikh-freemium/drift` reads it from a file. If it fails,
   * `/metrics` has no drift, and a warning is logged. Needs `metrics`.
   *
   * @default none
   */
  readonly drift?: (() => Promise<DriftAtMoment | undefined>) | undefined
  /** Keeps answers and takes feedback about them. @default neither */
  readonly feedback?: ServeFeedback | undefined
  /**
   * Divides requests between the two releases of a live test. Needs `registry`, and no `channel`, `version` and `pollMs`.
   *
   * @default none: one release answers
   */
  readonly experiment?: ServeExperiment | undefined
}

export type HandlerOptions<I = string> = HandlerSettings<I> & ServedFrom<I>

export interface Limits {
  readonly maximumBatch: number
  readonly maximumDelayMs: number
  readonly maximumQueue: number
  readonly maximumInputs: number
  readonly maximumConcurrency: number
  readonly maximumBodyBytes: number
  readonly timeoutMs: number
}

/** @throws `invalid-options`. */
export function limitsOf(settings: Partial<Limits> | { readonly [K in keyof Limits]?: number | undefined }): Limits {
  const whole = (name: keyof Limits, otherwise: number, least = 1, most = 2 ** 31 - 1) => {
    const value = settings[name] ?? otherwise
    if (Number.isInteger(value) && value >= least && value <= most) return value
    throw refused(`"${name}" is ${value}`, `Choose a whole number from ${least} to ${most}`)
  }
  const limits = {
    maximumBatch: whole('maximumBatch', 64),
    maximumDelayMs: whole('maximumDelayMs', 0, 0, 60_000),
    maximumQueue: whole('maximumQueue', 1024),
    maximumInputs: whole('maximumInputs', Math.min(256, settings.maximumQueue ?? 256)),
    maximumConcurrency: whole('maximumConcurrency', 1024),
    maximumBodyBytes: whole('maximumBodyBytes', 1 << 20, 1, 1 << 28),
    timeoutMs: whole('timeoutMs', 30_000),
  }
  if (limits.maximumInputs > limits.maximumQueue)
    throw refused(
      `"maximumInputs" is ${limits.maximumInputs}, but "maximumQueue" is ${limits.maximumQueue}`,
      'A request with that many inputs could never be answered. Choose a larger queue',
    )
  return limits
}

/** @throws `invalid-options`. */
export function checkFollowing(from: {
  readonly pollMs?: number | undefined
  readonly refreshSecret?: string | undefined
  readonly version?: string | undefined
}): void {
  const { pollMs, refreshSecret, version } = from
  const name = pollMs === undefined ? 'refreshSecret' : 'pollMs'
  if (version !== undefined && (pollMs ?? refreshSecret) !== undefined)
    throw refused(`both "version" and "${name}" are given`, 'A version never changes. Choose one')
  if (pollMs === undefined) return
  if (!Number.isInteger(pollMs) || pollMs < 100 || pollMs > 2 ** 31 - 1)
    throw refused(`"pollMs" is ${pollMs}`, 'Choose a whole number of milliseconds from 100')
}

/** @throws `invalid-options`. */
export function checkExperiment<I>(options: HandlerOptions<I>): void {
  if (!('registry' in options))
    throw refused(
      'a live test is given, but one loaded model',
      'Give "registry" and "trainer", so that both releases can be loaded',
    )
  const extra = (['channel', 'version', 'pollMs', 'refreshSecret'] as const).find((name) => options[name] !== undefined)
  if (extra !== undefined)
    throw refused(`both "experiment" and "${extra}" are given`, 'The live test names its releases')
}

/** @throws `invalid-options`. */
export function checkNames(name: string, basePath: string): void {
  if (!/^[\w.-]{1,100}$/.test(name) || /^\.+$/.test(name))
    throw refused(`the name ${JSON.stringify(name)} is not a path segment`, 'Use letters, digits, ".", "_" and "-"')
  if (basePath !== '' && !/^(?:\/[\w.~-]+)+$/.test(basePath))
    throw refused(`"basePath" is ${JSON.stringify(basePath)}`, 'Write it like /models/mail, without a slash at the end')
}

export const refused = (fact: string, remedy: string) =>
  new SheikhError('invalid-options', `Cannot serve: ${fact}. ${remedy}.`)
