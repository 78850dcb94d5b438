// A release keeps how it scored on its evaluation set, item by item, so that a later candidate is compared with it even if
// nothing here can load it any more. Registries are read by many: what is kept are ids, labels, scores and slices, no text.
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type Digest, digestJson, identityOf, messageOf } from '../core/index.js'
import { type Evaluation, type Metric, readEvaluation, sameColumn, writeEvaluation } from '../evaluation/index.js'
import type { Prediction } from '../model/index.js'
import type { Release, ReleasedAnswers } from '../releaser/index.js'
import type { Session } from './session.js'

// Every registry reads the records of all releases: 1 MiB holds about 100,000 items of a right-or-wrong metric.
const maximumColumnsLength = 1 << 20
const maximumFileBytes = 1 << 28

/** The answers of a release, for its record; `undefined` if they are too large, or a model failed on an item. */
export async function answersOf(session: Session, evaluation: Evaluation): Promise<ReleasedAnswers | undefined> {
  const metrics = Object.fromEntries(
    session.options.gate.metrics.flatMap((metric) => {
      const identity = identityOf(metric)
      return identity === undefined ? [] : [[metric.name, digestJson(identity)]]
    }),
  )
  if ([...evaluation.outcomes].some((outcome) => outcome !== 'ok') || Object.keys(metrics).length === 0)
    return undefined
  const path = join(await session.folder('answers'), 'evaluation.safetensors')
  await writeEvaluation(path, withoutText(evaluation), session.context)
  const columns = gzipSync(await readFile(path)).toString('base64')
  if (columns.length > maximumColumnsLength) {
    session.warn(
      `The scores of the ${evaluation.ids.length} items are not kept with the release: compressed they take ${columns.length} bytes, and ${maximumColumnsLength} is the most. If a later trainer cannot load this release, nothing can be compared with it.`,
    )
    return undefined
  }
  const { evaluationDigest } = evaluation
  return { formatVersion: 1, evaluationDigest, metrics, columns }
}

/**
 * How a release scored on these very items by these very metrics, as it was released; `undefined` if it does not say.
 *
 * @param candidate the evaluation to compare with: what it says of the items is taken from there.
 */
export async function releasedAnswers(
  session: Session,
  { version, record }: Release,
  candidate: Evaluation,
): Promise<Evaluation | undefined> {
  const { evaluationDigest, ids, groups, slices, targets } = candidate
  const kept = record.answers
  if (kept?.evaluationDigest !== evaluationDigest) return undefined
  if (!session.options.gate.metrics.every((metric) => isSame(metric, kept.metrics[metric.name]))) return undefined
  try {
    const path = join(await session.folder(`answers-${version}`), 'evaluation.safetensors')
    const bytes = gunzipSync(Buffer.from(kept.columns, 'base64'), { maxOutputLength: maximumFileBytes })
    await writeFile(path, bytes)
    const evaluation = await readEvaluation(path, session.context)
    if (evaluation.evaluationDigest === evaluationDigest && sameColumn(evaluation.ids, ids))
      return { ...evaluation, ids, groups, slices, targets }
    throw new Error('they are of other items')
  } catch (error) {
    session.context.signal.throwIfAborted()
    session.warn(`The scores that the release ${version} keeps cannot be read: ${messageOf(error)}`, { version })
  }
  return undefined
}

const isSame = (metric: Metric, kept: Digest | undefined): boolean => {
  const identity = identityOf(metric)
  return kept !== undefined && identity !== undefined && digestJson(identity) === kept
}

/** Labels stay, since a later comparison shows what was answered. Texts and vectors are users' data. */
function withoutText(evaluation: Evaluation): Evaluation {
  const { ids, predictions, targets } = evaluation
  const labels = [...predictions].map((prediction): Prediction | null =>
    prediction?.kind === 'label' ? { kind: 'label', label: prediction.label } : null,
  )
  const targetLabels = [...targets].map((target, index) => (labels[index] === null ? null : target))
  return { ...evaluation, groups: ids, predictions: labels, targets: targetLabels }
}
