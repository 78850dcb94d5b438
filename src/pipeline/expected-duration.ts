// How long a run will take, from what earlier runs took: those in the store, and those that releases tell of.
import { canonicalJson, createRedactor, redactJson, toJson } from '../core/index.js'
import type { Release, RunMeasurement } from '../releaser/index.js'
import type { CandidateRecord, Trainer } from '../trainer/index.js'
import { measurementOf, plainName } from './measurement.js'
import type { PipelineParts } from './options.js'
import type { PlannedStage } from './plan-stages.js'
import { readRun } from './run-records.js'
import type { RunRecord } from './run-result.js'

/** What earlier runs took, in milliseconds. */
export interface ExpectedDuration {
  /** How many runs were measured. */
  readonly runs: number
  readonly medianMs: number
  readonly lowestMs: number
  readonly highestMs: number
}

/** How long a run will take: the sum over its stages. */
export interface ExpectedRun extends ExpectedDuration {
  /** What people call the machine of these runs. Absent: unknown. */
  readonly machine?: string | undefined
  /** How many rows these runs trained on, and how many there are now. The durations are not scaled by them. */
  readonly trainingRows?: { readonly lowest: number; readonly highest: number; readonly now: number } | undefined
  /** Whether the trainer of these runs had other settings than now. */
  readonly otherSettings: boolean
  /** Stages of the run without a measured duration, which the sum lacks. */
  readonly unmeasured: readonly string[]
}

interface Observation extends RunMeasurement {
  /** Stages whose output was kept from an earlier run. */
  readonly cachedMs: Readonly<Record<string, number>>
  readonly trainer?: CandidateRecord['trainer'] | undefined
  readonly trainingRows?: number | undefined
}

// Plan has to stay fast, and what a run took long ago says little.
const mostRecords = 40
const mostObservations = 10

/** The expected duration of each stage of a plan, and of all of them. */
export async function withDurations(
  stages: readonly PlannedStage[],
  options: Pick<PipelineParts, 'store' | 'trainer' | 'secrets'>,
  { history, trainingRows }: { readonly history: readonly Release[]; readonly trainingRows: number },
): Promise<{ readonly stages: readonly PlannedStage[]; readonly expected?: ExpectedRun | undefined }> {
  const { observations, otherSettings } = comparable(await observationsIn(options, history), options)
  const timed = stages.map((stage) => {
    const expected = expectedOf(stage, observations)
    return expected === undefined ? stage : { ...stage, expected }
  })
  const expected = sumOf(timed, observations, { otherSettings, trainingRows })
  return { stages: timed, ...(expected !== undefined && { expected }) }
}

/** Newest first; the same run once, although a release tells of it too. */
async function observationsIn(
  { store }: Pick<PipelineParts, 'store'>,
  history: readonly Release[],
): Promise<readonly Observation[]> {
  const found: (Observation & { readonly atMs: number })[] = []
  const seen = new Set<string>()
  const add = (measured: RunMeasurement | undefined, rest: Omit<Observation, keyof RunMeasurement>, atMs: number) => {
    const { runId = '', machine, durationsMs = {} } = measured ?? {}
    if (measured === undefined || seen.has(runId)) return
    seen.add(runId)
    found.push({ runId, machine: machine && plainName(machine), durationsMs: plausible(durationsMs), ...rest, atMs })
  }
  const ids = await store.runs.list()
  for (const id of ids.slice(0, mostRecords)) {
    const run = await readRun(store, id)
    if (run === undefined || (run.command !== 'run' && run.command !== 'release')) continue
    add(measurementOf(run), { cachedMs: cachedIn(run), ...madeIn(run.candidate?.record, run.dataset) }, run.startedAtMs)
  }
  for (const { record } of history)
    add(record.measured, { cachedMs: {}, ...madeIn(record.candidate, record.dataset) }, record.atMs)
  return found.sort((one, other) => other.atMs - one.atMs)
}

const madeIn = (candidate: CandidateRecord | undefined, dataset: RunRecord['dataset']) => ({
  trainer: candidate?.trainer,
  trainingRows: dataset?.counts.training,
})

const cachedIn = ({ stages, command }: RunRecord) =>
  plausible(
    Object.fromEntries(
      stages.filter(({ cached }) => cached && command === 'run').map(({ name, durationMs }) => [name, durationMs]),
    ),
  )

/** A record that another program wrote may contain any number. */
const plausible = (durations: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(durations).filter(([, ms]) => ms >= 0 && ms < Number.MAX_SAFE_INTEGER))

/** Runs on the machine that trained last, with the settings of now if any of them had these. */
function comparable(
  all: readonly Observation[],
  { trainer, secrets }: Pick<PipelineParts, 'trainer' | 'secrets'>,
): { readonly observations: readonly Observation[]; readonly otherSettings: boolean } {
  const isTrained = ({ durationsMs }: Observation) => durationsMs['train'] !== undefined
  const { machine } = all.find(isTrained) ?? all[0] ?? {}
  const onMachine = all.filter((one) => one.machine === machine)
  const now = identity(redactJson(settingsOf(trainer), createRedactor(secrets)))
  const same = onMachine.filter((one) => one.trainer === undefined || identity(one.trainer) === now)
  const otherSettings = !same.some(isTrained) && onMachine.some(isTrained)
  return { observations: (otherSettings ? onMachine : same).slice(0, mostObservations), otherSettings }
}

const settingsOf = ({ name, version, describe }: Trainer<unknown, unknown>): CandidateRecord['trainer'] => ({
  ...{ name, version, describe: describe() },
})
const identity = (trainer: CandidateRecord['trainer']) => canonicalJson(toJson(trainer))

function expectedOf({ stage, action }: PlannedStage, observations: readonly Observation[]) {
  if (action === 'skip') return undefined
  return spread(
    observations.flatMap(({ durationsMs, cachedMs }) => (action === 'cached' ? cachedMs : durationsMs)[stage] ?? []),
  )
}

function spread(values: readonly number[]): ExpectedDuration | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((one, other) => one - other)
  const middle = sorted.length >> 1
  const medianMs = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { runs: sorted.length, medianMs, lowestMs: sorted[0]!, highestMs: sorted.at(-1)! }
}

/** `undefined` if the training is not measured: without it, the sum would mislead. */
function sumOf(
  stages: readonly PlannedStage[],
  observations: readonly Observation[],
  { otherSettings, trainingRows: now }: { readonly otherSettings: boolean; readonly trainingRows: number },
): ExpectedRun | undefined {
  const active = stages.filter(({ action }) => action !== 'skip')
  const known = active.flatMap(({ expected }) => expected ?? [])
  const trains = active.find(({ stage, action }) => stage === 'train' && action === 'run')
  const longest = [...known].sort((one, other) => other.medianMs - one.medianMs)[0]
  if (longest === undefined || (trains !== undefined && trains.expected === undefined)) return undefined
  const total = (part: 'medianMs' | 'lowestMs' | 'highestMs') => known.reduce((sum, each) => sum + each[part], 0)
  const rows = observations.flatMap(({ durationsMs, trainingRows }) =>
    durationsMs['train'] === undefined ? [] : (trainingRows ?? []),
  )
  const machine = observations[0]?.machine
  return {
    runs: longest.runs,
    ...{ medianMs: total('medianMs'), lowestMs: total('lowestMs'), highestMs: total('highestMs') },
    ...(machine !== undefined && { machine }),
    ...(trains !== undefined &&
      rows.length > 0 && { trainingRows: { lowest: Math.min(...rows), highest: Math.max(...rows), now } }),
    otherSettings: trains !== undefined && otherSettings,
    unmeasured: active.flatMap(({ stage, expected }) => (expected === undefined ? [stage] : [])),
  }
}

/** For a sentence: `about 42 min on gpu-box`. */
export function aboutText({ medianMs, machine }: Pick<ExpectedRun, 'medianMs' | 'machine'>): string {
  return `about ${roundedText(medianMs)}${machine === undefined ? '' : ` on ${machine}`}`
}

/** A line of its own, with how much is known: the runs, the range, and what was different then. */
export function expectedText(expected: ExpectedRun | undefined): string {
  if (expected === undefined) return 'Duration unknown: no earlier run.'
  const { runs, lowestMs, highestMs, trainingRows, otherSettings, unmeasured } = expected
  const [lowest, highest] = [roundedText(lowestMs), roundedText(highestMs)]
  const facts = [
    runs === 1 ? 'from 1 earlier run' : `median of ${runs} earlier runs`,
    ...(lowest === highest ? [] : [`${lowest} to ${highest}`]),
    ...(trainingRows === undefined ? [] : rowsText(trainingRows)),
    ...(otherSettings ? ['other training settings then'] : []),
    ...(unmeasured.length === 0 ? [] : [`without ${unmeasured.join(', ')}`]),
  ]
  return `Expected duration: ${aboutText(expected)} (${facts.join('; ')}).`
}

function rowsText({ lowest, highest, now }: NonNullable<ExpectedRun['trainingRows']>): readonly string[] {
  if (lowest === now && highest === now) return []
  return [`for ${lowest === highest ? lowest : `${lowest} to ${highest}`} training rows then, ${now} now`]
}

/** No more digits than a prediction has. */
export function roundedText(durationMs: number): string {
  const seconds = durationMs / 1000
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  return minutes < 120 ? `${minutes} min` : `${Number((seconds / 3600).toFixed(1))} h`
}
