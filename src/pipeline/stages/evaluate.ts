import { canonicalJson, identityOf, isSheikhError, type Json, messageOf } from '../../core/index.js'
import { type Evaluation, evaluate } from '../../evaluation/index.js'
import type { Evidence, Opponent } from '../../gate/index.js'
import type { Rows, WeightsDirectory } from '../../model/index.js'
import { type Release, weightsOf } from '../../releaser/index.js'
import { storageFailed } from '../../store/index.js'
import type { Candidate, TrainerEnvironment } from '../../trainer/index.js'
import { type Key, keyOf } from '../keys.js'
import type { Session } from '../session.js'

/** Scores the candidate, the released model and the best one on the same items. */
export function evaluateStage(
  session: Session,
  candidate: Candidate,
  rows: Rows<unknown, unknown>,
  releases: { readonly baseline?: Release | undefined; readonly best?: Release | undefined },
): Promise<Evidence> {
  return session.stage('evaluate', async () => {
    const environment = await session.options.trainer.environment?.(session.context)
    const scored = await score(session, candidate.weights, rows, environment)
    const opponent = async (release: Release | undefined) =>
      release === undefined ? undefined : scoreOpponent(session, release, rows, environment)
    const baseline = await opponent(releases.baseline)
    const best = await opponent(releases.best)
    await session.update({
      baseline: releases.baseline?.version,
      best: releases.best?.version,
      metrics: Object.fromEntries(scored.evaluation.metrics.map(({ name, value }) => [name, value])),
    })
    const evidence: Evidence = {
      candidate: { weights: candidate.weights, record: candidate.record, evaluation: scored.evaluation },
      baseline,
      best,
    }
    return { value: evidence, cached: scored.cached, key: scored.key }
  })
}

async function scoreOpponent(
  session: Session,
  release: Release,
  rows: Rows<unknown, unknown>,
  environment: TrainerEnvironment | undefined,
): Promise<Opponent> {
  const { version, bundle } = release
  try {
    const directory = await session.folder(`release-${version}`)
    const opened = await session.options.releaser.open(version, directory, session.context)
    const weights = weightsOf(opened)
    return { version, bundle, evaluation: (await score(session, weights, rows, environment)).evaluation }
  } catch (error) {
    session.context.signal.throwIfAborted()
    // A full disk or a dead line is worth another run, and no person's approval.
    if (isSheikhError(error) ? error.retryable : storageFailed('open', version, error) !== error) throw error
    // Not a loss of the candidate and not a pass: the gate is told that the question has no answer.
    session.warn(`The release ${version} could not be scored: ${messageOf(error)}`, { version })
    return { version, bundle, unscorable: messageOf(error) }
  }
}

interface Scored {
  readonly evaluation: Evaluation
  readonly cached: boolean
  readonly key?: Key | undefined
}

async function score(
  session: Session,
  weights: WeightsDirectory,
  rows: Rows<unknown, unknown>,
  environment: TrainerEnvironment | undefined,
): Promise<Scored> {
  const { trainer, gate, store } = session.options
  const parts = {
    kind: 'evaluate',
    weights: weights.digest,
    rows: rows.digest,
    trainer: identityOf(trainer),
    metrics: gate.metrics.map(identityOf),
    environment: environment ?? null,
  }
  const versioned = parts.trainer !== undefined && parts.metrics.every((metric) => metric !== undefined)
  const key = versioned ? keyOf(parts as unknown as Json) : undefined
  if (key !== undefined) {
    const kept = await store.keys.get(key.digest)
    if (kept !== undefined && canonicalJson(kept.parts) === canonicalJson(key.parts))
      return { evaluation: kept.value as unknown as Evaluation, cached: true, key }
  }
  await using model = await trainer.load(weights, session.context)
  const evaluation = await evaluate({ model, rows, metrics: gate.metrics }, session.context)
  // What failed for want of time or memory may work next time: it is not kept.
  if (key !== undefined && evaluation.outcomes.every((outcome) => outcome === 'ok'))
    await store.keys.put({
      formatVersion: 1,
      key: key.digest,
      parts: key.parts,
      value: evaluation as unknown as Json,
      runId: session.runId,
      atMs: session.context.clock.nowMs(),
    })
  return { evaluation, cached: false, key }
}
