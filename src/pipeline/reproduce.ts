import { canonicalJson, digestJson, SheikhError, toJson } from '../core/index.js'
import { payloadFolders } from '../releaser/index.js'
import { manifestDifferences } from '../store/index.js'
import { firstDifference } from './keys.js'
import { candidateRecordOf, readHistory } from './lookup.js'
import { baseParts, type NamedBase, openBase, releasedBase } from './named-base.js'
import { openReleasesAgain } from './named-releases.js'
import { trainingPart } from './replay.js'
import type { Reproduction } from './run-result.js'
import type { Session } from './session.js'
import { neededForCandidate } from './stage.js'
import { HostStages } from './stages/host.js'
import { fitInto } from './stages/train.js'
import { validateStage } from './stages/validate.js'
import { variantOf } from './variants.js'

/**
 * Trains a release again from nothing, and compares every file of its weights.
 *
 * @param version @default the release that the channel points at
 */
export async function reproduce(session: Session, version: string | undefined): Promise<Reproduction> {
  const history = await readHistory(session)
  const { releaser } = session.options
  const release =
    version === undefined
      ? await releaser.current(session.channel, session.context)
      : history.find((one) => one.version === version)
  if (release === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot reproduce ${version ?? 'anything'}: ${version === undefined ? `the channel "${session.channel}" points at no release` : 'there is no such release'}. List the releases with "sheikh history".`,
    )
  const made = candidateRecordOf(release, history)
  if (made === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot reproduce ${release.version}: its record does not say how it was made${release.record.importedFrom === undefined ? '' : ', because it was imported'}. Choose a release that was trained here.`,
      { facts: { version: release.version } },
    )
  const variant = variantOf(session.options, made)
  const { trainer, seed } = variant
  const snapshot = await (await validateStage(session)).dataset.snapshot()
  const environment = await trainer.environment?.(session.context)
  const { base: named } = session.options
  // Withdrawn or not: what is made of it here is compared, and thrown away.
  const base = named && isSame(named, made.base) ? releasedBase(history, named) : undefined
  const part = await trainingPart(session, snapshot, history, base, seed)
  const now = {
    trainer: { name: trainer.name, version: trainer.version, describe: trainer.describe() },
    seed,
    ...baseParts(named),
    trainingDigest: part.training.digest,
    // Of a trainer that says what it looked at.
    developmentDigest: made.developmentDigest && snapshot.summary.developmentDigest,
    // What a program says of itself is known when it has trained.
    environment: environment ?? made.environment,
  }
  const { trainer: by, seed: itsSeed, trainingDigest, developmentDigest, environment: itsEnvironment } = made
  const before = {
    ...{ trainer: by, seed: itsSeed, ...baseParts(made.base) },
    ...{ trainingDigest, developmentDigest, environment: itsEnvironment },
  }
  const difference = firstDifference(toJson(before), toJson(now))
  const common = { runId: session.runId, release }
  if (difference !== undefined) return { ...common, status: 'not-reproduced', difference }
  const fitted = await session.stage('train', async () => {
    const directory = await session.folder('weights')
    const { development } = snapshot
    const of = base && (await openBase(session, base))
    const releases = await openReleasesAgain(session, history, trainer)
    const parts = { ...part, variant, development, directory, weights: of, ...releases }
    return { value: await fitInto(session, parts), cached: false }
  })
  // A stage that writes the candidate, such as a quantisation, is part of how the weights were made.
  const host = new HostStages(session, neededForCandidate(session.options.stages ?? []), { cached: false })
  const { summary, training, evaluation } = snapshot
  await host.add('dataset', { value: summary, training, evaluation }, digestJson(summary))
  const { record, weights } = fitted
  const digest = digestJson({ value: record, files: weights.digest })
  const { files: offered } = await host.add('candidate', { value: record, files: weights.path }, digest)
  const files = release.manifest.files.filter(({ path }) => !payloadFolders.includes(path.split('/')[0]!))
  const differing = await manifestDifferences(offered, { ...release.manifest, files }, session.context)
  return differing.length === 0
    ? { ...common, status: 'reproduced' }
    : { ...common, status: 'not-reproduced', files: differing }
}

/** How it was made: of one that was restored, that of the release which it is again. */
const isSame = (named: NamedBase, recorded: NamedBase | undefined) =>
  canonicalJson(baseParts(named)) === canonicalJson(baseParts(recorded))
