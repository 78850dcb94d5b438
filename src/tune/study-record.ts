import { finite, fits, flag, list, object, optional, recordOf, SheikhError, text, union, word } from '../core/index.js'
import type { Metric } from '../evaluation/index.js'
import type { Store } from '../store/index.js'
import { importanceOf } from './importance.js'
import type { Space } from './space.js'
import { Study } from './study.js'
import { parameterValue, rankedTrials, type StoredTrial, type Trial } from './trial.js'

/** A finished trial of a study. JSON. */
export type StudyTrial = Trial & {
  /** With a pruner: the metric after each training, in the order of the resource. Without `value`: it was not a number. */
  readonly rungs?: readonly { readonly resource: number; readonly value?: number | undefined }[] | undefined
  /** In milliseconds since 1970. Absent if unknown, as for a duplicate. */
  readonly startedAtMs?: number | undefined
  readonly endedAtMs?: number | undefined
}

/** A study of `tune` or of another program, for reports. JSON. */
export interface StudyRecord {
  readonly name: string
  readonly metric: { readonly name: string; readonly direction: Metric['direction'] }
  readonly space: Space
  /** What a pruner gave more and more of, such as `epochs`. */
  readonly resource?: string | undefined
  /** By number. The parameters are those of the space, so without the resource. */
  readonly trials: readonly StudyTrial[]
}

const ends = { low: finite, high: finite, log: flag, step: optional(finite) }
const settingsShape = object({
  space: recordOf(
    union('kind', {
      float: object({ ...ends, kind: word('float') }),
      int: object({ ...ends, kind: word('int') }),
      categorical: object({ kind: word('categorical'), values: list(parameterValue) }),
    }),
  ),
  metric: object({ name: text, direction: word('lower-is-better', 'higher-is-better') }),
})
const prunerShape = object({ pruner: object({ resource: text }) })
const runShape = object({ startedAtMs: finite, endedAtMs: optional(finite) })

/**
 * Reads a study from the store, also while it is searched.
 *
 * @param name as given to `tune`.
 * @throws `not-found` if the store has no study of this name; `artifact-corrupt` if it cannot be read.
 */
export async function readStudy(store: Store, name = 'study'): Promise<StudyRecord> {
  const study = await Study.read(store, name)
  if (study === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot read the study "${name}": the store has no study of this name. Start one with tune() or: sheikh tune --name ${name}`,
      { facts: { study: name } },
    )
  const { settings } = study
  if (!fits(settingsShape, settings))
    throw new SheikhError(
      'artifact-corrupt',
      `Cannot read the study "${name}": its first line is not of this version. Search again under another name.`,
      { facts: { study: name } },
    )
  const trials = [...study.trials.values()].sort((one, other) => one.number - other.number)
  return {
    name,
    metric: { name: settings.metric.name, direction: settings.metric.direction },
    space: settings.space as Space,
    ...(fits(prunerShape, settings) && { resource: settings.pruner.resource }),
    trials: await Promise.all(trials.map((trial) => withTimes(trial, store))),
  }
}

async function withTimes(stored: StoredTrial, store: Store): Promise<StudyTrial> {
  const { trainer: _trainer, evaluation: _evaluation, rungs, ...rest } = stored
  const trial: StudyTrial = {
    ...rest,
    ...(rungs !== undefined && { rungs: rungs.map(({ runId: _runId, ...rung }) => rung) }),
  }
  const runOf = async (runId: string | undefined) => (runId === undefined ? undefined : await store.runs.read(runId))
  const [first, last] = [await runOf(rungs?.[0]?.runId ?? trial.runId), await runOf(trial.runId)]
  if (!fits(runShape, first) || !fits(runShape, last)) return trial
  return {
    ...trial,
    startedAtMs: first.startedAtMs,
    ...(last.endedAtMs !== undefined && { endedAtMs: last.endedAtMs }),
  }
}

/** The trials with a full result, the best first. */
export const bestTrials = ({ trials, metric }: StudyRecord) => rankedTrials(trials, metric.direction)

/**
 * The share of each parameter in the difference between the best tenth of the trials and all, as in `TuneResult`. Only
 * trials that have every parameter count. `undefined` with fewer than 10.
 */
export function studyImportance({ space, trials, metric }: StudyRecord): Readonly<Record<string, number>> | undefined {
  const names = Object.keys(space)
  const whole = trials.filter(({ parameters }) => names.every((name) => Object.hasOwn(parameters, name)))
  return importanceOf(space, whole, metric.direction)
}
