import { canonicalJson, type Digest, digestJson, finishDigest, fits, startDigest, toJson } from '../../core/index.js'
import {
  checkQuality,
  type DescribedRow,
  type OpenedDataset,
  type QualityOptions,
  type QualityReport,
  qualityFailure,
  qualityReportShape,
  qualitySettings,
  qualityWarnings,
  rowsOf,
  shortQualityReport,
} from '../../dataset/index.js'
import { stageKeyOf } from '../keys.js'
import { keepLabels, releasedLabels } from '../released-labels.js'
import type { Session } from '../session.js'
import { findKept, keep } from '../stage-cache.js'

// Raise this when the same samples and options lead to other findings.
const qualityVersion = 3

/**
 * Checks the quality of the data, unless an earlier run checked the same samples with the same options.
 *
 * @throws `dataset-invalid` if a finding fails, with the places of the samples in `facts.issues`.
 */
export async function checkDataQuality(
  session: Session,
  options: QualityOptions,
  opened: OpenedDataset<unknown, unknown>,
): Promise<void> {
  const { summary } = opened
  const { dataset, store, releaser, secrets, labelsAtCommit, dataCheck } = session.options
  const context = { ...session.context, cache: store.documents }
  const settings = qualitySettings(options)
  const current = await releaser.current(session.channel, session.context)
  const { labels, slices, fingerprint } = current?.record.dataset ?? {}
  const sources = { store, labelsAtCommit, runId: session.runId }
  // Before the rows of now are in memory, because those of a commit may be read.
  const releasedRows =
    current === undefined || settings.relabelled.action === 'off'
      ? undefined
      : await releasedLabels(sources, current, releaser, session.context)
  const released = slices && { labels, slices, rows: releasedRows }
  const snapshot = await opened.snapshot()
  const { rows } = await rowsOf(dataset, context, snapshot)
  await keepLabels(sources, summary.fingerprint, rows, session.context)
  const { action, counter } = settings.tokenLimit
  const tokenizer = action === 'off' ? undefined : await counter?.digest(context)
  const key = stageKeyOf({
    kind: 'quality',
    version: qualityVersion,
    // Findings name files and lines, and samples have more fields than rows.
    samples: samplesDigest(rows),
    rows: summary.fingerprint,
    ...{ training: summary.trainingDigest, evaluation: summary.evaluationDigest },
    options: toJson(options),
    released: slices === undefined ? null : digestJson(toJson({ labels, slices })),
    releasedRows: releasedRows === undefined ? null : fingerprint,
    ...(tokenizer !== undefined && { tokenizer }),
  })
  const kept = await findKept<QualityReport>(session, key, {
    open: async ({ value }) => (fits(qualityReportShape, value) ? value : undefined),
  })
  const workers = dataCheck && { ...dataCheck, store }
  const report = kept ?? (await checkQuality(dataset, { ...options, snapshot, released, secrets, workers }, context))
  if (kept === undefined) await keep(session, key, toJson(report))
  session.note({ quality: shortQualityReport(report) })
  for (const { message } of qualityWarnings(report)) session.warn(message, { code: 'data-quality' })
  const failure = qualityFailure(report)
  if (failure !== undefined) throw failure
}

/** The digest of a JSON array, whose text may be longer than a string. */
function samplesDigest(rows: Iterable<Pick<DescribedRow, 'id' | 'sampleDigest' | 'path' | 'position'>>): Digest {
  const hashing = startDigest()
  let separator = '['
  for (const { id, sampleDigest, path, position } of rows) {
    hashing.update(separator).update(canonicalJson([id, sampleDigest, path, position]))
    separator = ','
  }
  return finishDigest(hashing.update(']'))
}
