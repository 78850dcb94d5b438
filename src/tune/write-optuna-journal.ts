import type { JsonObject } from '../core/index.js'
import { directions, metricNames, operations, states } from './optuna-format.js'
import { type Parameter, type ParameterValue, type Space, valueAt, valuesIn } from './space.js'
import type { StudyRecord, StudyTrial } from './study-record.js'

/**
 * Writes a study as a journal file of Optuna: `JournalStorage(JournalFileBackend(path))` reads it, and `optuna-dashboard path`
 * shows it. A value of a rung becomes an intermediate value at the step of its resource, or of its index where a resource is not
 * an integer. The run, a duplicate and the reason of a failure are user attributes. A trial that has not finished is
 * `RUNNING` there.
 *
 * @returns lines of JSON.
 */
export function toOptunaJournal({ name, metric, space, trials }: StudyRecord): string {
  const line = (op_code: number, fields: JsonObject) =>
    `${JSON.stringify({ op_code, worker_id: 'sheikh', ...fields })}\n`
  const byNumber = new Map(trials.map((trial) => [trial.number, trial]))
  // One meaning of the steps for the whole study.
  const isStep = trials.every(({ rungs = [] }) => rungs.every(({ resource }) => Number.isSafeInteger(resource)))
  const count = 1 + trials.reduce((most, { number }) => Math.max(most, number), -1)
  const lines = Array.from({ length: count }, (_, number) => {
    const trial = byNumber.get(number)
    const fields = trial === undefined ? { datetime_start: null } : trialFields(trial, { space, isStep })
    return line(operations.createTrial, { study_id: 0, ...fields })
  })
  return [
    line(operations.createStudy, { study_name: name, directions: [directions[metric.direction]] }),
    line(operations.setStudySystemAttribute, { study_id: 0, system_attr: { [metricNames]: [metric.name] } }),
    ...lines,
  ].join('')
}

function trialFields(
  trial: StudyTrial,
  { space, isStep }: { readonly space: Space; readonly isStep: boolean },
): JsonObject {
  const { state, parameters, rungs = [], startedAtMs, endedAtMs, runId, duplicateOf } = trial
  const known = Object.entries(parameters).filter(([name]) => Object.hasOwn(space, name))
  return {
    state: state === 'scored' ? states.complete : state === 'pruned' ? states.pruned : states.failed,
    value: state === 'failed' ? null : trial.value,
    values: null,
    datetime_start: timeOf(startedAtMs),
    ...(endedAtMs !== undefined && { datetime_complete: timeOf(endedAtMs) }),
    distributions: Object.fromEntries(known.map(([name]) => [name, JSON.stringify(distributionOf(space[name]!))])),
    params: Object.fromEntries(known.map(([name, value]) => [name, internalOf(space[name]!, value)])),
    user_attrs: {
      ...(runId !== undefined && { run: runId }),
      ...(duplicateOf !== undefined && { duplicateOf }),
      ...(state === 'failed' && { reason: trial.reason }),
    },
    system_attrs: {},
    intermediate_values: Object.fromEntries(
      rungs.flatMap(({ resource, value }, index) => (value === undefined ? [] : [[isStep ? resource : index, value]])),
    ),
  }
}

/** As Python 3.9 reads it. */
const timeOf = (ms: number | undefined) =>
  ms === undefined ? null : new Date(ms).toISOString().replace('Z', '000+00:00')

function distributionOf(parameter: Parameter): JsonObject {
  if (parameter.kind === 'categorical')
    return { name: 'CategoricalDistribution', attributes: { choices: [...parameter.values] } }
  const { kind, low, step } = parameter
  const steps = step === undefined || (kind === 'int' && step === 1) ? undefined : step
  // Optuna wants the last value to be the high end.
  const high = steps === undefined ? parameter.high : (valueAt(parameter, valuesIn(parameter) - 1) as number)
  // And has no logarithm with steps. What was drawn stays true.
  const log = parameter.log && steps === undefined
  return kind === 'int'
    ? { name: 'IntDistribution', attributes: { log, step: steps ?? 1, low, high } }
    : { name: 'FloatDistribution', attributes: { step: steps ?? null, low, high, log } }
}

const internalOf = (parameter: Parameter, value: ParameterValue): number =>
  parameter.kind === 'categorical' ? parameter.values.indexOf(value) : (value as number)
