import { type CallContext, callContext, digestJson, hexOf, type Json, SheikhError } from '../core/index.js'
import { type Dataset, eachText, SecretScanner } from '../dataset/index.js'
import type { FeedbackBatch, FeedbackSample, LabelChange, LeftOutFeedback, LeftOutReason } from './batch.js'
import { answerIn, type EvidenceOptions, gatherEvidence } from './evidence.js'
import type { Feedback, FeedbackStore } from './feedback.js'
import { limitSources } from './limit-sources.js'
import { type MadeSample, type SampleFields, validSamples } from './make-samples.js'
import { type Candidate, weigh } from './weigh.js'
import { withoutKnownTexts } from './without-known-texts.js'

export interface ToSamplesOptions extends EvidenceOptions {
  /** The dataset that the samples are for. Its schema and projection validate them, and its rows are compared with them. */
  readonly dataset: Dataset<unknown, unknown>
  readonly fields: SampleFields
  /** Also makes samples of answers that were confirmed and never corrected. @default false: they only support corrections */
  readonly confirmed?: boolean | undefined
  /**
   * How many independent sources must name a target. From 2 on, each source that disagrees needs one more that agrees; with 1,
   * any source that disagrees leaves the input out. @default 1
   */
  readonly agreement?: number | undefined
  /** How many samples a source may give alone. @default 50 */
  readonly maximumPerSource?: number | undefined
  /** The share of the batch that a source may give alone, 0..1. With 0.5, one source is not enough. @default 0.5 */
  readonly maximumShare?: number | undefined
  /** Pseudonyms of sources without these two limits, such as a team of labellers. @default none */
  readonly trusted?: readonly string[] | undefined
  /** Secrets to look for, beside everything that looks like a token. @default none */
  readonly secrets?: readonly string[] | undefined
  readonly context?: CallContext | undefined
}

/**
 * Makes samples of what people said about answers, for a person to review. Leaves out, with the reason: contradictions, samples that
 * the schema refuses, unknown labels, secrets, whatever is equal or similar to a row that models are judged on, to another row or to
 * another sample, and what exceeds the limits of a source.
 *
 * Independent pseudonyms that one person controls count as independent sources, and similar texts are found by MinHash, which can
 * miss some: the checks reduce what a hostile source can do and do not prevent it.
 *
 * @throws `invalid-options`; as `Dataset.snapshot` and `FeedbackStore.read`.
 */
export async function toSamples(store: FeedbackStore, options: ToSamplesOptions): Promise<FeedbackBatch> {
  const { dataset, fields, range, known, context = callContext() } = options
  const { maximumPerSource = 50, maximumShare = 0.5, agreement = 1, confirmed = false, trusted = [] } = options
  checkLimits({ maximumPerSource, maximumShare, agreement })
  const { inputs, orphans, unwritable } = await gatherEvidence(store, { range, known }, context)
  const leftOut: LeftOutFeedback[] = [
    ...orphans.map((one) => without(one, 'unknown-prediction', 'the store does not have the answer')),
    ...unwritable.map((one) => without(one, 'not-a-sample', 'its text is not valid Unicode')),
  ]
  const leave = (candidate: Candidate, reason: LeftOutReason, detail: string): void => {
    leftOut.push(leftOutOf(candidate, reason, detail))
  }
  const weighed = inputs.map((evidence) => weigh(evidence, { agreement, confirmed }))
  const candidates = weighed.flatMap((found) => ('left' in found ? [] : [found]))
  leftOut.push(...weighed.flatMap((found) => ('left' in found ? [found.left] : [])))

  const contents = await dataset.contents(context)
  const labels = new Set(contents.rows.flatMap(({ label }) => (label === undefined ? [] : [label])))
  const valid = await validSamples(dataset, fields, candidates, context)
  const secret = await withSecrets(valid, options.secrets)
  const made = valid.filter((found) => {
    const { candidate, problem } = found
    if (problem !== undefined) leave(candidate, problem.reason, problem.detail)
    else if (candidate.predictions.some(({ prediction }) => prediction.kind === 'label') && !isKnown(candidate, labels))
      leave(candidate, 'unknown-label', 'no sample of the dataset has the label')
    else if (secret.has(found)) leave(candidate, 'secret', 'the sample contains what looks like a secret')
    else return true
    return false
  })
  // The best supported first, then the oldest: of similar samples the first one stays, and of a source its first ones.
  const ordered = made
    .flatMap((found) => (found.problem === undefined ? [found] : []))
    .sort(
      (left, right) =>
        right.candidate.sources.length - left.candidate.sources.length ||
        left.candidate.firstMs - right.candidate.firstMs ||
        (left.row.id < right.row.id ? -1 : 1),
    )
  const { heldOut } = await dataset.snapshot(context)
  const fresh = await withoutKnownTexts(ordered, { contents, heldOut }, leave, context)
  const limits = { perSource: maximumPerSource, share: maximumShare, trusted: new Set(trusted) }
  const refusals = limitSources(
    fresh.map(({ candidate }) => candidate),
    limits,
  )
  const kept = fresh.filter(({ candidate }, index) => {
    const reason = refusals[index]
    if (reason === undefined) return true
    const most = reason === 'source-limit' ? `${maximumPerSource} samples` : `a share of ${maximumShare} of the batch`
    leave(candidate, reason, `its source gives more than ${most} alone`)
    return false
  })
  const samples = kept
    .map(({ sample, sampleDigest, candidate, id }) => ({ sample, origin: originOf(id, sampleDigest, candidate) }))
    .sort((left, right) => (left.origin.id < right.origin.id ? -1 : 1))
  return {
    id: batchId(samples),
    samples,
    leftOut,
    labelChanges: changesIn(kept.map(({ candidate }) => candidate)),
  }
}

/** @throws `invalid-options`. */
function checkLimits(limits: Readonly<Record<'maximumPerSource' | 'maximumShare' | 'agreement', number>>): void {
  const { maximumPerSource, maximumShare, agreement } = limits
  const refuse = (fact: string) => new SheikhError('invalid-options', `Cannot make samples of feedback: ${fact}.`)
  for (const [name, value] of Object.entries({ maximumPerSource, agreement }))
    if (!Number.isSafeInteger(value) || value < 1)
      throw refuse(`${name} is ${value}, which is not an integer of at least 1. Give one such as 3`)
  if (!(maximumShare > 0 && maximumShare <= 1))
    throw refuse(`maximumShare is ${maximumShare}, which is not above 0 and at most 1. Give one such as 0.5`)
}

const isKnown = ({ target }: Candidate, labels: ReadonlySet<string>) => typeof target === 'string' && labels.has(target)

async function withSecrets(
  made: readonly MadeSample[],
  secrets: readonly string[] = [],
): Promise<ReadonlySet<MadeSample>> {
  const found = new Set<MadeSample>()
  const scanner = new SecretScanner<MadeSample>((each) => found.add(each), secrets)
  for (const each of made) {
    if (each.problem !== undefined) continue
    const texts: string[] = []
    eachText(each.sample, (text) => texts.push(text))
    for (const text of texts) await scanner.add(each, text)
  }
  await scanner.flush()
  return found
}

function without({ id, prediction, source }: Feedback, reason: LeftOutReason, detail: string): LeftOutFeedback {
  return { reason, detail, predictions: [prediction], feedback: [id], sources: [source] }
}

export function leftOutOf(
  { predictions, feedback, sources }: Pick<Candidate, 'predictions' | 'feedback' | 'sources'>,
  reason: LeftOutReason,
  detail: string,
): LeftOutFeedback {
  return { reason, detail, predictions: predictions.map(({ id }) => id), feedback, sources }
}

function originOf(
  id: string,
  sampleDigest: FeedbackSample['origin']['sampleDigest'],
  { predictions, feedback, sources, firstMs, lastMs }: Candidate,
): FeedbackSample['origin'] {
  return {
    ...{ id, sampleDigest },
    predictions: predictions.map(({ id }) => id),
    releases: [...new Set(predictions.map(({ release }) => release.version))],
    ...{ feedback, sources, firstMs, lastMs },
  }
}

const batchId = (samples: readonly FeedbackSample[]) =>
  hexOf(digestJson(samples.map(({ sample }) => sample as Json))).slice(0, 12)

/** The last answer to each input against its target. */
function changesIn(candidates: readonly Candidate[]): readonly LabelChange[] {
  const counts = new Map<string, LabelChange>()
  for (const { predictions, target } of candidates) {
    const last = predictions.at(-1)?.prediction
    const from = last?.kind === 'label' ? answerIn(last) : undefined
    if (typeof from !== 'string' || typeof target !== 'string') continue
    const key = JSON.stringify([from, target])
    counts.set(key, { from, to: target, samples: (counts.get(key)?.samples ?? 0) + 1 })
  }
  return [...counts]
    .sort(([left, a], [right, b]) => b.samples - a.samples || (left < right ? -1 : 1))
    .map(([, change]) => change)
}
