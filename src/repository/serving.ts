import { type CallContext, isSheikhError, type Json, messageOf } from '../core/index.js'
import { samplesOf } from '../dataset/index.js'
import type { Ledger } from '../gate/index.js'
import type { Release, Releaser } from '../releaser/index.js'
import type { RegistryToServe } from '../serve/index.js'
import type { Trainer } from '../trainer/index.js'
import { readTrust } from './attestation.js'
import { type Composition, joinedSource } from './compose.js'
import { type InputReader, inputReader } from './model-inputs.js'
import { type OnlineStore, onlineFeatures } from './online-features.js'
import { checkHolds, judge } from './verify.js'

export interface ServingOptions {
  /**
   * Feast's HTTP server (`feast serve`), which knows the features of `dataset/config.yaml` by view and column. Inputs then name
   * entities. @default none: inputs contain the features
   */
  readonly feast?: OnlineStore | undefined
}

/** What a server needs to serve the releases of a project, as options of `serve`. */
export interface ProjectServing {
  readonly registry: Releaser
  readonly trainer: RegistryToServe<Json>['trainer']
  readonly channel: string | undefined
  /** Verifies a release, and makes its inputs with the template that was released with it. */
  readonly forRelease: NonNullable<RegistryToServe<Json>['forRelease']>
}

const smokeCount = 8

/**
 * The registry of a project with its trust: each release is verified as `Repository.verify` does, and its inputs are made
 * with the template that was released with it. Keys are read again for each release; the configuration is read once.
 */
export async function projectServing(
  composition: Composition,
  {
    root,
    keysPath,
    ledger,
    feast,
  }: ServingOptions & { readonly root: string; readonly keysPath: string; readonly ledger: Ledger },
): Promise<ProjectServing> {
  const { configuration, releaser, trainer, source, samples, largeFiles } = composition
  const lookUp = feast && (await onlineFeatures(feast, { root, features: configuration.dataset.features, largeFiles }))
  const withoutFeatures = source ?? samples
  const smokeSource =
    lookUp === undefined ? joinedSource(root, configuration, { source: withoutFeatures, largeFiles }) : withoutFeatures
  let isFirst = true
  let found: Promise<readonly Json[]> | undefined

  async function entries(context: CallContext) {
    try {
      return await ledger.read(context)
    } catch (error) {
      // A server that starts again serves from its cache while nothing else is reachable. Signatures are still checked.
      if (!isFirst || !(isSheikhError(error) && error.retryable)) throw error
      context.log.warn(`Serving without a look at the ledger: ${messageOf(error)}`)
      return undefined
    }
  }

  return {
    registry: await releaser(),
    trainer: (await trainer()) as unknown as Trainer<Json, never>,
    channel: configuration.release.channel ?? 'latest',
    async forRelease(release, { manifest, directory }, context) {
      const witnesses = { ...(await readTrust(keysPath)), ledger: await entries(context) }
      isFirst = false
      checkHolds('serve', judge(release, manifest, witnesses, []))
      const hasTemplate = manifest.files.some(({ path }) => path === configuration.dataset.projection.input)
      const reader = await inputReader(release, { root: hasTemplate ? directory : root, configuration }, context)
      const prepare = lookUp?.(reader.read) ?? reader.read
      found ??= firstSamples(smokeSource, context).catch((error: unknown) => {
        // The next release reads them again.
        found = undefined
        throw error
      })
      return {
        // A template makes the input from the fields of a sample. Other models may take more than texts.
        inputSchema: { type: reader.template === undefined ? ['string', 'object', 'array', 'number'] : 'object' },
        prepare,
        smokeInputs: await smokeInputs(await found, { ...reader, read: prepare }, release, context),
      }
    },
  }
}

/** A few samples of the project, if its folder contains any. */
async function firstSamples(source: Composition['samples'], context: CallContext): Promise<readonly Json[]> {
  const values: Json[] = []
  for (const entry of await source.list(context)) {
    if (values.length >= smokeCount) break
    if (entry.skipped !== undefined) continue
    const samples = await samplesOf(entry, context, smokeCount).catch(() => [])
    context.signal.throwIfAborted()
    values.push(...samples.slice(0, smokeCount - values.length).map(({ value }) => value as Json))
  }
  return values
}

/**
 * Samples of the project that this release can be asked with: a sample that is not valid says nothing about a model. If there is
 * none, a template is filled with plain texts.
 */
async function smokeInputs(
  samples: readonly Json[],
  reader: InputReader,
  { version }: Release,
  context: CallContext,
): Promise<readonly Json[]> {
  const found = await readable(samples, reader)
  if (found.length > 0) return found
  const plain = Object.fromEntries(reader.fields.map((field) => [field, 'warm-up']))
  const filled = reader.template === undefined ? [] : await readable([plain], reader)
  if (filled.length === 0)
    context.log.warn(
      `Serving ${version} without a trial prediction: the project has no sample that this release can read, or its features cannot be looked up. Add a sample to its dataset, or look at the feature store.`,
    )
  return filled
}

async function readable(values: readonly Json[], { read }: InputReader): Promise<readonly Json[]> {
  const usable = await Promise.all(
    values.map((value) =>
      read([value]).then(
        () => true,
        () => false,
      ),
    ),
  )
  return values.filter((_, index) => usable[index])
}
