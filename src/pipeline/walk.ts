import { digestJson, SheikhError } from '../core/index.js'
import { foreseenText } from '../gate/index.js'
import { rereadWeightsDirectory } from '../model/index.js'
import type { Candidate } from '../trainer/index.js'
import { decide, type Offer } from './decide.js'
import { foreseen } from './foresee.js'
import type { PayloadFile, RunOptions } from './options.js'
import type { RunResult } from './run-result.js'
import type { Session } from './session.js'
import { neededForCandidate } from './stage.js'
import { assembleBundle } from './stages/bundle.js'
import { HostStages } from './stages/host.js'
import { trainStage, usableBase } from './stages/train.js'
import { type Trainings, trainingsOf } from './stages/trainings.js'
import { type Variant, variantsOf } from './variants.js'
import { versionOf } from './versioning.js'
import { endedBySource, readReleased, readSources } from './walk-start.js'

/** The whole road, once: validate, train, evaluate, decide, release. With `until`, up to the decision, which writes nothing. */
export async function walk(session: Session, options: RunOptions): Promise<RunResult> {
  const { releaseAs, until } = options
  checkUntil(options)
  // A name that is no version is known before an hour of training.
  if (releaseAs !== undefined) versionOf({}, { level: 'patch' }, { used: [], releaseAs })
  if (options.retrain) session.note({ retrain: true })
  const released = await readReleased(session, options)
  const { history } = released
  const { dataset, payload, key } = await readSources(session)
  if (until !== undefined && key === undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot run until the verdict: a part of the pipeline has no version, so the machine that releases could not compare the sources. Give each part of your own a version.',
    )
  const ended = await endedBySource(session, released, key, options)
  if (ended !== undefined) return ended

  // An hour of training for a candidate that will be refused is worth a line before it.
  for (const finding of await foreseen(session.options))
    session.warn(foreseenText(finding), { check: finding.check, reason: finding.reason })
  const host = new HostStages(session)
  const snapshot = await dataset.snapshot()
  const { summary, training, evaluation } = snapshot
  await host.add('dataset', { value: summary, training, evaluation }, digestJson(summary))
  let found: ReturnType<typeof usableBase> | undefined
  const base = () => {
    found ??= usableBase(session, snapshot, history)
    return found
  }
  const run = { forced: options.retrain ?? false, history, base }
  const offers = await offersOf(session, trainingsOf(session, snapshot, run), { payload, host })
  return decide(session, { offers, evaluation, key, until, releaseAs }, released)
}

/** The candidates, in the order of their declaration. */
async function offersOf(
  session: Session,
  opened: Trainings,
  parts: { readonly payload: readonly PayloadFile[]; readonly host: HostStages },
): Promise<[Offer, ...Offer[]]> {
  await using trainings = opened
  const [first, ...others] = variantsOf(session.options)
  const offer = async (variant: Variant) => {
    const trained = await trainStage(session, variant, () => trainings.train(variant))
    return offerOf(session, { ...parts, variant, trained })
  }
  const offers: [Offer, ...Offer[]] = [await offer(first!)]
  for (const variant of others) offers.push(await offer(variant))
  return offers
}

/** A trained candidate as it would be released: changed by the host's stages, and with the further files. */
async function offerOf(
  session: Session,
  {
    variant,
    trained,
    payload,
    host,
  }: {
    readonly variant: Variant
    readonly trained: Candidate
    readonly payload: readonly PayloadFile[]
    readonly host: HostStages
  },
): Promise<Offer> {
  const made = session.record.candidate!
  const isOnly = variant.name === undefined
  const own = isOnly ? host : host.fork(variant.name)
  const offered = await own.add(
    'candidate',
    { value: trained.record, files: trained.weights.path },
    digestJson({ value: trained.record, files: trained.weights.digest }),
    // Stages that only observe run for the candidate that is chosen.
    isOnly ? undefined : neededForCandidate(session.options.stages ?? []),
  )
  const changed = offered.files !== trained.weights.path
  const candidate = changed
    ? { ...trained, weights: await rereadWeightsDirectory(offered.files, session.context) }
    : trained
  const bundle = await assembleBundle(session, candidate.weights, payload)
  if (isOnly) await session.update({ bundle: bundle.digest })
  return { variant, candidate, bundle, made, host: own }
}

/** @throws `invalid-options` for what only the machine that releases can do. */
function checkUntil({ until, releaseAs, allowDirty }: RunOptions): void {
  if (until === undefined) return
  const refused = (fact: string, remedy: string) =>
    new SheikhError('invalid-options', `Cannot run until the verdict ${fact}. ${remedy}`)
  // Callers in plain JavaScript may pass anything.
  if (until !== 'verdict')
    throw new SheikhError('invalid-options', `Cannot run until ${JSON.stringify(until)}: only "verdict" is known.`)
  if (releaseAs !== undefined)
    throw refused('with a version', 'Pass the version to the release, which decides on it: sheikh release --release-as')
  if (allowDirty)
    throw refused('with uncommitted changes', 'The machine that releases has only the commit. Commit the changes.')
}
