import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type CallContext, type Digest, digestJson, isSheikhError, type Json, SheikhError } from '../core/index.js'
import {
  disagreementPool,
  judgePool,
  type Ledger,
  marginOf,
  type Pool,
  type PoolItem,
  type PoolVerdict,
  storeLedger,
} from '../gate/index.js'
import type { Model, Prediction, Row } from '../model/index.js'
import { type Bundle, readBundle, weightsOf } from '../releaser/index.js'
import type { Store } from '../store/index.js'
import type { CandidateRecord } from '../trainer/index.js'
import { readHistory } from './lookup.js'
import { openFiles } from './open-files.js'
import type { CallOptions, PipelineParts } from './options.js'
import { readRun } from './run-records.js'
import type { RunRecord } from './run-result.js'
import { variantOf } from './variants.js'

const batchSize = 64

export interface LabelPoolOptions extends CallOptions {
  /** Held-out samples without a target, as the dataset's own but for that. */
  readonly samples: readonly unknown[]
  /** Targets of those that were asked, by id. @default none yet */
  readonly labels?: ReadonlyMap<string, Json> | undefined
}

/** What is to be labelled of a pool, and what the labels say. */
export interface LabelledPool extends PoolVerdict {
  readonly runId: string
  readonly questions: Pool['questions']
  /** Of the inputs given, those that the models were trained on or are judged on already: they are left out. */
  readonly known: readonly string[]
}

/**
 * Asks a run's candidate and the release that it was compared with about a pool of unlabelled inputs.
 *
 * @throws `not-found` for a run without both, `dataset-invalid` for samples that give no input.
 */
export async function labelPool(
  options: PipelineParts,
  context: CallContext,
  { runId, samples, labels = new Map() }: LabelPoolOptions & { readonly runId: string },
): Promise<LabelledPool> {
  const { store, dataset, gate, releaser } = options
  const run = await readRun(store, runId)
  const metric = gate.metrics.find(({ name }) => name === gate.primaryMetric)
  const margin = marginOf(run?.verdict)
  if (run?.bundle === undefined || run.baseline === undefined || metric === undefined || margin === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot label a pool for the run ${runId}: ${run === undefined ? 'it is not in the store' : 'it did not compare a model with a release by a margin'}. Name one that awaits approval or is held: sheikh status`,
      { facts: { runId } },
    )
  const rows = await dataset.project(samples, context)
  const seen = await seenInputs(options, context)
  const fresh = rows.filter((row) => !seen.has(contentOf(row)))
  const known = rows.filter((row) => !fresh.includes(row)).map(({ id }) => id)
  const released = (await readHistory({ options, context })).find(({ version }) => version === run.baseline)
  const made = { candidate: run.candidate?.record, baseline: released?.record.candidate }
  const { candidate, baseline } = await answersOfBoth(options, context, fresh, made, {
    candidate: (directory) => keptBundle(store, run, directory, context),
    baseline: (directory) => releaser.open(run.baseline!, directory, context),
  })
  const pool = disagreementPool(
    fresh.map((row, index): PoolItem => ({ row, candidate: candidate[index]!, baseline: baseline[index]! })),
  )
  const verdict = judgePool(pool, labels, { metric, margin, baselineName: run.baseline })
  if (verdict.unlabelled === 0)
    await note(options.ledger ?? storeLedger(store), context, run, { digest: pool.digest, verdict })
  return { runId, ...verdict, questions: pool.questions, known }
}

/** What models learnt or are judged by tells nothing new. */
async function seenInputs({ dataset, store }: PipelineParts, context: CallContext): Promise<ReadonlySet<Digest>> {
  const { training, evaluation } = await dataset.snapshot({ ...context, cache: store.documents })
  const seen = new Set<Digest>()
  for (const part of [training, evaluation]) for await (const row of part) seen.add(contentOf(row))
  return seen
}

/** What a model receives: an input that is a path says nothing without the file. */
const contentOf = ({ input, files }: Row<unknown, unknown>): Digest =>
  digestJson(files === undefined ? input : { input, files })

async function keptBundle(store: Store, run: RunRecord, directory: string, context: CallContext): Promise<Bundle> {
  try {
    await store.objects.getDirectory(run.bundle!, directory, context)
  } catch (error) {
    if (!isSheikhError(error, 'not-found') && !isSheikhError(error, 'artifact-corrupt')) throw error
    throw new SheikhError(
      'not-found',
      `Cannot label a pool for the run ${run.runId}: its model is no longer whole in the store. Run again.`,
      { cause: error },
    )
  }
  return readBundle(directory, context)
}

type OpenBundle = (directory: string) => Promise<Bundle>

async function answersOfBoth(
  options: PipelineParts,
  context: CallContext,
  rows: readonly Row<unknown, unknown>[],
  made: Readonly<Record<'candidate' | 'baseline', CandidateRecord | undefined>>,
  bundles: { readonly candidate: OpenBundle; readonly baseline: OpenBundle },
) {
  const { dataset, store } = options
  // Beside the objects of the store, so that large files need not be copied.
  const directory = await store.workDirectory('pool')
  try {
    const filesDirectory = await openFiles(dataset, join(directory, 'files'), context)
    const answersOf = async (name: keyof typeof bundles) => {
      const { trainer } = variantOf(options, made[name])
      await using model = await trainer.load(weightsOf(await bundles[name](join(directory, name))), {
        ...context,
        ...(filesDirectory !== undefined && { filesDirectory }),
      })
      return await predictAll(model, rows, context)
    }
    return { candidate: await answersOf('candidate'), baseline: await answersOf('baseline') }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function predictAll(
  model: Model<unknown>,
  rows: readonly Row<unknown, unknown>[],
  context: CallContext,
): Promise<readonly Prediction[]> {
  const answers: Prediction[] = []
  for (let start = 0; start < rows.length; start += batchSize) {
    context.signal.throwIfAborted()
    const inputs = rows.slice(start, start + batchSize).map(({ input }) => input)
    const batch = await model.predict(inputs, context)
    if (batch.length !== inputs.length)
      throw new SheikhError(
        'evaluation-invalid',
        `Cannot label the pool: the model gave ${batch.length} predictions for ${inputs.length} inputs. Correct the model: one each, in order.`,
      )
    answers.push(...batch)
  }
  return answers
}

/** A pool that was judged is a set that was consulted. */
async function note(
  ledger: Ledger,
  context: CallContext,
  { runId, bundle, baseline }: RunRecord,
  { digest: evaluationDigest, verdict: { finding } }: { readonly digest: Digest; readonly verdict: PoolVerdict },
): Promise<void> {
  const verdict = digestJson(finding)
  const entries = await ledger.read(context)
  if (entries.some((entry) => entry.type === 'verdict' && entry.verdict === verdict)) return
  await ledger.append(
    {
      type: 'verdict',
      runId,
      evaluationDigest,
      status: finding.status,
      verdict,
      bundle: bundle!,
      against: [baseline!],
    },
    context,
  )
}
