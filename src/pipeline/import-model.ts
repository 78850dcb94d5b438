import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SheikhError } from '../core/index.js'
import { checkWeights, rereadWeightsDirectory } from '../model/index.js'
import { type Bundle, readBundle } from '../releaser/index.js'
import { cachedFile, copyFileDurably, readManifest } from '../store/index.js'
import { checkReleasesPresent } from './missing-releases.js'
import type { ImportOptions } from './options.js'
import { askProvenance, recordProvenance } from './provenance.js'
import { publish } from './publish.js'
import { recover } from './recovery.js'
import { policyOf } from './release-policy.js'
import { answersOf } from './released-answers.js'
import type { Imported, LeftOut } from './run-result.js'
import type { Session } from './session.js'
import { scoreStage } from './stages/evaluate.js'
import { validateStage } from './stages/validate.js'
import { checkPerson } from './who-decides.js'

/** What describes a model to people and to other tools, and is no part of it. */
const beside = new Set(['README.md', 'LICENSE', 'model.sig', 'sheikh-release.json', 'sheikh-registry.json'])
// Formats that run code when they are read.
const executable = /\.(pt|pth|ckpt|pkl|pickle|joblib)$|(^|\/)pytorch_model.*\.bin$/i

/** Takes a model that lives somewhere as the first release: the gate compares with it from then on. */
export async function importModel(session: Session, options: ImportOptions): Promise<Imported> {
  checkPerson(options.by, 'import the model')
  const { provenance, value } = await askProvenance(session, () => recover(session))
  const { history } = value
  const [newest] = history
  if (newest !== undefined)
    throw new SheikhError(
      'release-conflict',
      `Cannot import a model: ${newest.version} is released already, but an import must be the first release. Choose another registry, or train.`,
      { facts: { version: newest.version } },
    )
  // A registry that was lost is no reason to take a model that nothing is compared with.
  checkReleasesPresent(session, value)
  await recordProvenance(session, provenance, {})
  const { dataset } = await validateStage(session)
  const { bundle, leftOut } = await bundleOf(session, options.directory)
  await session.update({ bundle: bundle.digest })
  const evaluation = await scoreStage(session, bundle, (await dataset.snapshot()).evaluation)
  if (evaluation.metrics.every(({ value }) => !Number.isFinite(value)))
    throw new SheikhError(
      'release-rejected',
      'Cannot import the model: it answered no item of the evaluation set, so later models could not be compared with it. Use a trainer that can load it.',
    )
  const { from = options.directory, by, version } = options
  const answers = await answersOf(session, evaluation)
  const current = await session.options.releaser.current(session.channel, session.context)
  const release = await publish(session, {
    bundle,
    history,
    decidedAgainst: current?.version,
    releaseAs: version,
    record: {
      metrics: session.record.metrics,
      evaluationDigest: evaluation.evaluationDigest,
      ...(answers !== undefined && { answers }),
      policy: policyOf(session.options.gate, evaluation),
      dataset: session.record.dataset,
      importedFrom: { from, by },
    },
  })
  return { runId: session.runId, status: 'imported', release, leftOut }
}

/** Whether a file is part of a model, and can be read without running it. */
export const isModelFile = (path: string): boolean =>
  !beside.has(path) && !executable.test(path) && !path.split('/').some((name) => name.startsWith('.'))

/** Copies what belongs to the model, and checks the content of every file. @throws `artifact-corrupt` for a damaged one. */
async function bundleOf(
  session: Session,
  folder: string,
): Promise<{ readonly bundle: Bundle; readonly leftOut: readonly LeftOut[] }> {
  const { files } = await readManifest(folder, session.context, { followCacheLinks: true })
  const directory = await session.folder('bundle')
  const leftOut: LeftOut[] = []
  const leaveOut = (path: string, reason: string) => {
    leftOut.push({ path, reason })
    session.warn(`${JSON.stringify(path)} is skipped: it ${reason}.`, { path })
  }
  for (const { path, digest } of files) {
    if (executable.test(path)) leaveOut(path, 'has the name of a format that runs code when it is loaded')
    else if (!isModelFile(path)) leftOut.push({ path, reason: 'is not part of the model' })
    else {
      const source = (await cachedFile(folder, path)) ?? join(folder, path)
      await copyFileDurably(source, join(directory, path), session.context, { expected: digest })
    }
  }
  const weights = await rereadWeightsDirectory(directory, session.context)
  const named = new Set(weights.manifest.files.map(({ path }) => path))
  // What predicting needs is up to the trainer, which scores the model below.
  const problems = (await checkWeights(weights, session.context)).filter(({ file }) => named.has(file))
  const damaged = problems.find(({ unsafe }) => !unsafe)
  if (damaged !== undefined)
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot import the model: ${JSON.stringify(damaged.file)} ${damaged.problem}. Download the file again, or remove it from the folder.`,
      { facts: { directory: folder, problems } },
    )
  for (const { file, problem } of problems) {
    await rm(join(directory, file))
    leaveOut(file, problem)
  }
  return { bundle: await readBundle(directory, session.context, { skipUnchanged: true }), leftOut }
}
