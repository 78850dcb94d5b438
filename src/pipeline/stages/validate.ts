import { type CallContext, digestBytes, SheikhError } from '../../core/index.js'
import type { DatasetSummary, OpenedDataset } from '../../dataset/index.js'
import type { Trainer } from '../../trainer/index.js'
import type { PayloadFile, PipelineParts } from '../options.js'
import type { Session } from '../session.js'
import { variantsOf } from '../variants.js'
import { checkDataQuality } from './check-quality.js'

export interface Validated {
  readonly dataset: OpenedDataset<unknown, unknown>
  readonly payload: readonly PayloadFile[]
}

/** Reads the dataset and what else goes into the bundle. */
export function validateStage(session: Session): Promise<Validated> {
  return session.stage('validate', async () => {
    const dataset = await session.openDataset()
    const { summary } = dataset
    for (const { trainer } of variantsOf(session.options)) checkLabels(summary, trainer)
    for (const { code, message, ids } of summary.warnings) session.warn(message, { code, ids: ids.slice(0, 20) })
    session.emit({ type: 'dataset-ready', summary })
    session.note({ dataset: summary })
    const { quality } = session.options
    if (quality !== undefined) await checkDataQuality(session, quality, dataset)
    return { value: { dataset, payload: await readPayload(session.options.payload, session.context) }, cached: false }
  })
}

/** The bundle's further files; their digests are in the source key, so what a host says of them is checked. */
export async function readPayload(
  payload: PipelineParts['payload'],
  context: CallContext,
): Promise<readonly PayloadFile[]> {
  const files = (await payload?.(context)) ?? []
  const wrong = files.find(({ content, digest }) => digestBytes(content) !== digest)
  if (wrong === undefined) return files
  throw new SheikhError(
    'invalid-options',
    `Cannot put "${wrong.path}" into the bundle: its digest is not that of its content. Give the digest of its UTF-8 bytes.`,
    { facts: { path: wrong.path } },
  )
}

/** Classes need two of them, and every one that is judged must have been there to learn. @throws `dataset-invalid`. */
export function checkLabels(summary: DatasetSummary, trainer: Pick<Trainer<never, never>, 'targets' | 'name'>): void {
  if (trainer.targets !== 'labels') return
  if (summary.labels === undefined)
    throw invalid(
      'its targets are not labels: they are not text, or there are more than 1,000 different ones',
      trainer.name,
      [],
    )
  const trained = Object.keys(summary.labels.training)
  if (trained.length < 2)
    throw invalid(
      `its training part has ${trained.length === 1 ? `one label only, "${trained[0]}"` : 'no label'}`,
      trainer.name,
      trained,
    )
  const unseen = Object.keys(summary.labels.evaluation).filter((label) => !trained.includes(label))
  if (unseen.length > 0)
    throw invalid(
      `the evaluation set asks for ${unseen.map((label) => `"${label}"`).join(', ')}, which no training row has`,
      trainer.name,
      unseen,
    )
}

const invalid = (fact: string, trainer: string, labels: readonly string[]) =>
  new SheikhError(
    'dataset-invalid',
    `Cannot train "${trainer}" on the dataset: ${fact}. Add samples, or correct their labels.`,
    {
      facts: { labels },
    },
  )
