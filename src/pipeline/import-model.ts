import { join } from 'node:path'
import { SheikhError } from '../core/index.js'
import { readWeightsDirectory } from '../model/index.js'
import { type Bundle, readBundle } from '../releaser/index.js'
import { copyFileDurably } from '../store/index.js'
import type { ImportOptions } from './options.js'
import { recordProvenance } from './provenance.js'
import { publish } from './publish.js'
import { recover } from './recovery.js'
import type { Imported } from './run-result.js'
import type { Session } from './session.js'
import { scoreStage } from './stages/evaluate.js'
import { validateStage } from './stages/validate.js'

/** What describes a model to people and to other tools, and is no part of it. */
const beside = new Set(['README.md', 'LICENSE', 'model.sig', 'sheikh-release.json', 'sheikh-registry.json'])
// Formats that run code when they are read.
const executable = /\.(pt|pth|ckpt|pkl|pickle|joblib)$|(^|\/)pytorch_model.*\.bin$/i

/** Takes a model that lives somewhere as the first release: the gate compares with it from then on. */
export async function importModel(session: Session, options: ImportOptions): Promise<Imported> {
  const history = await recover(session)
  const [newest] = history
  if (newest !== undefined)
    throw new SheikhError(
      'release-conflict',
      `Cannot import a model: ${newest.version} is released already, and an import is the first release. Name another registry, or train.`,
      { facts: { version: newest.version } },
    )
  await recordProvenance(session, {})
  const { snapshot } = await validateStage(session)
  const bundle = await bundleOf(session, options.directory)
  await session.update({ bundle: bundle.digest })
  const evaluation = await scoreStage(session, bundle, snapshot.evaluation)
  if (evaluation.metrics.every(({ value }) => !Number.isFinite(value)))
    throw new SheikhError(
      'release-rejected',
      'Cannot import the model: it answered no item of the evaluation set, so nothing could be compared with it. Bring the trainer that can load it.',
    )
  const { from = options.directory, by, version } = options
  const current = await session.options.releaser.current(session.channel, session.context)
  const release = await publish(session, {
    bundle,
    history,
    decidedAgainst: current?.version,
    releaseAs: version,
    record: {
      metrics: session.record.metrics,
      evaluationDigest: evaluation.evaluationDigest,
      dataset: session.record.dataset as never,
      importedFrom: { from, ...(by !== undefined && { by }) },
    },
  })
  return { runId: session.runId, status: 'imported', release }
}

/** Whether a file is part of a model, and can be read without running it. */
export const isModelFile = (path: string): boolean =>
  !beside.has(path) && !executable.test(path) && !path.split('/').some((name) => name.startsWith('.'))

async function bundleOf(session: Session, folder: string): Promise<Bundle> {
  const { path: root, manifest } = await readWeightsDirectory(folder, session.context)
  const directory = await session.folder('bundle')
  for (const { path, digest } of manifest.files) {
    if (executable.test(path)) session.warn(`"${path}" is left out: reading its format can run code.`, { path })
    else if (isModelFile(path))
      await copyFileDurably(join(root, path), join(directory, path), session.context, { expected: digest })
  }
  return readBundle(directory, session.context)
}
