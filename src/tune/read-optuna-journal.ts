import { isDeepStrictEqual } from 'node:util'
import { canonicalJson, type Json, type JsonObject, SheikhError } from '../core/index.js'
import { directions, metricNames, operations, states } from './optuna-format.js'
import type { Parameter, ParameterValue } from './space.js'
import type { StudyRecord, StudyTrial } from './study-record.js'

interface OpenStudy {
  readonly name: string
  readonly directions: readonly unknown[]
  metric: string
  readonly space: Map<string, Parameter>
  readonly trials: OpenTrial[]
}

interface OpenTrial {
  readonly number: number
  state: unknown
  value?: number | undefined
  startedAtMs?: number | undefined
  endedAtMs?: number | undefined
  readonly parameters: Map<string, ParameterValue>
  readonly values: Map<number, number | undefined>
  readonly attributes: Map<string, unknown>
}

/**
 * Reads a study from a journal file of Optuna 4 or 5, of one objective. Trials that have not finished are left out, as is a last line
 * that is not whole. The range of a parameter is the widest of its trials. The steps of intermediate values become the
 * rungs' resource.
 *
 * @param text the whole file.
 * @param study its name; needed if the file has several.
 * @throws `invalid-options` if the file is not such a journal, with the line; if it has no or several studies, or not the named one;
 * or if the study has several objectives or a distribution that Optuna 4 no longer writes.
 */
export function readOptunaJournal(text: string, study?: string): StudyRecord {
  const journal = new Journal()
  const lines = text.split('\n')
  // A program that writes the file ends each line; what is behind the last end is not whole.
  for (const [index, line] of lines.slice(0, -1).entries()) journal.apply(line, index + 1)
  return recordOf(journal.studyNamed(study))
}

class Journal {
  /** By Optuna's id: how many were made before. */
  readonly #studies = new Map<unknown, OpenStudy>()
  readonly #trials = new Map<unknown, { readonly study: OpenStudy; readonly trial: OpenTrial }>()
  /** Of studies that are not deleted. */
  readonly #names = new Set<string>()
  #studyCount = 0
  #line = 0

  apply(text: string, line: number): void {
    this.#line = line
    const fields = this.#parsed(text)
    const { op_code } = fields
    if (op_code === operations.createStudy) this.#createStudy(fields)
    else if (op_code === operations.deleteStudy) {
      this.#names.delete(this.#studies.get(fields['study_id'])?.name ?? '')
      this.#studies.delete(fields['study_id'])
    } else if (op_code === operations.createTrial) this.#createTrial(fields)
    else if (op_code === operations.setStudySystemAttribute) {
      const names = this.#object(fields, 'system_attr')[metricNames]
      const study = this.#studies.get(fields['study_id'])
      if (study !== undefined && Array.isArray(names) && typeof names[0] === 'string') study.metric = names[0]
    } else this.#changeTrial(fields)
  }

  studyNamed(name: string | undefined): OpenStudy {
    const studies = [...this.#studies.values()]
    const shown = studies.slice(0, mostNames).map((study) => `"${study.name.slice(0, mostLetters)}"`)
    const names = [...shown, ...(studies.length > mostNames ? ['…'] : [])].join(', ')
    const found = name === undefined && studies.length === 1 ? studies[0] : studies.find((one) => one.name === name)
    if (found !== undefined) return found
    throw refusal(
      studies.length === 0
        ? 'it contains no study. Name a journal file of Optuna (JournalFileBackend)'
        : name === undefined
          ? `it contains ${studies.length} studies: ${names}. Name one of them`
          : `it contains no study "${name}". Name one of ${names}`,
    )
  }

  #createStudy(fields: JsonObject): void {
    const { study_name: name, directions: asked } = fields
    if (typeof name !== 'string' || !Array.isArray(asked))
      throw this.#corrupt('"study_name" or "directions" is missing')
    // As in Optuna: the second of a name is not made.
    if (this.#names.has(name)) return
    this.#names.add(name)
    this.#studies.set(this.#studyCount, { name, directions: asked, metric: 'value', space: new Map(), trials: [] })
    this.#studyCount += 1
  }

  #createTrial(fields: JsonObject): void {
    const study = this.#studies.get(fields['study_id'])
    if (study === undefined) return
    const trial: OpenTrial = {
      number: study.trials.length,
      state: fields['state'] ?? states.running,
      ...{ parameters: new Map(), values: new Map(), attributes: new Map() },
    }
    study.trials.push(trial)
    this.#trials.set(this.#trials.size, { study, trial })
    trial.value = reachedValue(fields)
    trial.startedAtMs = msOf(fields['datetime_start'])
    trial.endedAtMs = msOf(fields['datetime_complete'])
    const distributions = this.#object(fields, 'distributions')
    for (const [name, value] of Object.entries(this.#object(fields, 'params')))
      this.#setParameter(study, trial, { name, value, distribution: distributions[name], isAdded: true })
    for (const [step, value] of Object.entries(this.#object(fields, 'intermediate_values')))
      this.#setIntermediate(trial, Number(step), value)
    for (const [name, value] of Object.entries(this.#object(fields, 'user_attrs'))) trial.attributes.set(name, value)
  }

  #changeTrial(fields: JsonObject): void {
    const known = this.#trials.get(fields['trial_id'])
    // Optuna leaves alone what is written to a trial that is unknown or has ended.
    if (known === undefined || isFinished(known.trial)) return
    const { study, trial } = known
    const { op_code } = fields
    if (op_code === operations.setParameter) {
      const { param_name: name, param_value_internal: value, distribution } = fields
      this.#setParameter(study, trial, { name: String(name), value, distribution })
    } else if (op_code === operations.setState) {
      trial.state = fields['state']
      trial.value = reachedValue(fields) ?? trial.value
      trial.startedAtMs = msOf(fields['datetime_start']) ?? trial.startedAtMs
      trial.endedAtMs = msOf(fields['datetime_complete']) ?? trial.endedAtMs
    } else if (op_code === operations.setIntermediateValue) {
      this.#setIntermediate(trial, fields['step'], fields['intermediate_value'])
    } else if (op_code === operations.setUserAttribute) {
      for (const [name, value] of Object.entries(this.#object(fields, 'user_attr'))) trial.attributes.set(name, value)
    }
  }

  #setIntermediate({ values }: OpenTrial, step: unknown, value: Json | undefined): void {
    if (!Number.isSafeInteger(step)) throw this.#corrupt('the step of an intermediate value is no integer')
    values.set(step as number, numberOf(value))
  }

  #setParameter(
    { space }: OpenStudy,
    { parameters }: OpenTrial,
    given: {
      readonly name: string
      readonly value: Json | undefined
      readonly distribution: Json | undefined
      readonly isAdded?: boolean
    },
  ): void {
    const { name } = given
    const value = numberOf(given.value)
    const parameter = this.#parameter(name, given.distribution)
    if (value === undefined) throw this.#corrupt(`the value of "${name}" is not a number`)
    const before = space.get(name)
    const widest = before === undefined ? parameter : wider(before, parameter)
    // Optuna leaves out a parameter whose distribution does not fit the earlier one, but not of a trial that is added whole.
    if (widest === undefined && given.isAdded !== true) return
    const actual = parameter.kind === 'categorical' ? parameter.values[value] : value
    if (actual === undefined) throw this.#corrupt(`"${name}" has no choice ${value}`)
    if (widest !== undefined) space.set(name, widest)
    parameters.set(name, actual)
  }

  #parameter(name: string, text: Json | undefined): Parameter {
    const given: unknown = typeof text === 'string' ? this.#parsed(text) : undefined
    const { name: kind, attributes } = (given ?? {}) as { readonly name?: unknown; readonly attributes?: JsonObject }
    const { log, choices } = attributes ?? {}
    const [low, high, step] = (['low', 'high', 'step'] as const).map((end) => numberOf(attributes?.[end]))
    if (kind === 'CategoricalDistribution' && Array.isArray(choices) && choices.length > 0)
      return { kind: 'categorical', values: choices.map((choice) => this.#choice(name, choice)) }
    const isRange =
      low !== undefined && high !== undefined && low <= high && Number.isFinite(high - low) && (log !== true || low > 0)
    if (isRange && (kind === 'FloatDistribution' || kind === 'IntDistribution'))
      return {
        ...{ kind: kind === 'IntDistribution' ? 'int' : 'float', low, high, log: log === true },
        ...(step !== undefined && step > 0 && { step }),
      }
    throw this.#corrupt(
      `the distribution of "${name}" is ${typeof kind === 'string' ? kind : 'missing'}, or its range cannot be used; known are FloatDistribution, IntDistribution and CategoricalDistribution`,
    )
  }

  /** A choice of Optuna can be any JSON, and of ours only a plain value. */
  #choice(name: string, choice: Json): ParameterValue {
    if (typeof choice !== 'object' || choice === null) return choice
    try {
      return canonicalJson(choice)
    } catch {
      throw this.#corrupt(`a choice of "${name}" is nested too deep`)
    }
  }

  #object(fields: JsonObject, name: string): JsonObject {
    const value = fields[name] ?? {}
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.#corrupt(`"${name}" is no object`)
    return value as JsonObject
  }

  #parsed(text: string): JsonObject {
    const value = parsed(text) ?? parsed(withoutNumbersOfPython(text))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
    throw this.#corrupt('it is no JSON object')
  }

  #corrupt(fact: string): SheikhError {
    return refusal(`line ${this.#line}: ${fact}. Name a journal file of Optuna (JournalFileBackend)`, {
      line: this.#line,
    })
  }
}

/** Of studies in an error. */
const mostNames = 10
const mostLetters = 100

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Texts stay as they are; the numbers that Python writes and JSON does not have become null. */
function withoutNumbersOfPython(text: string): string {
  try {
    return text.replace(/"(?:[^"\\]|\\.)*"?|-?\b(?:NaN|Infinity)\b/g, (found) => (found[0] === '"' ? found : 'null'))
  } catch {
    // A text of 10 MB is too long for the expression.
    return ''
  }
}

const isFinished = ({ state }: OpenTrial) =>
  state === states.complete || state === states.pruned || state === states.failed

/** A parameter with the values of both; `undefined` if Optuna would not compare them. */
function wider(one: Parameter, other: Parameter): Parameter | undefined {
  if (one.kind === 'categorical' || other.kind === 'categorical') return isDeepStrictEqual(one, other) ? one : undefined
  if (one.kind !== other.kind || one.log !== other.log) return undefined
  const { step: _step, ...range } = one
  return {
    ...{ ...range, low: Math.min(one.low, other.low), high: Math.max(one.high, other.high) },
    ...(one.step !== undefined && one.step === other.step && { step: one.step }),
  }
}

/** A difference of two numbers is finite too. JSON.parse makes an infinity of 1e999. */
const largest = 1e300
const numberOf = (value: Json | undefined) =>
  typeof value === 'number' && Math.abs(value) <= largest ? value : undefined
const msOf = (value: Json | undefined) => {
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isFinite(ms) ? ms : undefined
}
const reachedValue = ({ value, values }: JsonObject) => numberOf(Array.isArray(values) ? values[0] : value)

function recordOf({ name, directions: asked, metric, space, trials }: OpenStudy): StudyRecord {
  if (asked.length !== 1)
    throw refusal(`the study "${name}" has ${asked.length} objectives. Name a study with one objective`)
  const direction = asked[0] === directions['higher-is-better'] ? 'higher-is-better' : 'lower-is-better'
  return {
    name,
    metric: { name: metric, direction },
    space: Object.fromEntries(space),
    trials: trials.filter(isFinished).map(closedTrial),
  }
}

function closedTrial(trial: OpenTrial): StudyTrial {
  const { number, state, value, startedAtMs, endedAtMs, parameters, values, attributes } = trial
  const rungs = [...values]
    .sort(([one], [other]) => one - other)
    .map(([resource, reached]) => ({ resource, ...(reached !== undefined && { value: reached }) }))
  const [run, duplicateOf, reason] = ['run', 'duplicateOf', 'reason'].map((attribute) => attributes.get(attribute))
  const base = {
    ...{ number, parameters: Object.fromEntries(parameters) },
    ...(typeof run === 'string' && { runId: run }),
    ...(typeof duplicateOf === 'number' && { duplicateOf }),
    ...(rungs.length > 0 && { rungs }),
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(endedAtMs !== undefined && { endedAtMs }),
  }
  if (state === states.failed)
    return { ...base, state: 'failed', reason: typeof reason === 'string' ? reason : 'Optuna does not say why.' }
  if (state === states.complete)
    return value === undefined
      ? { ...base, state: 'failed', reason: 'Its value is not a finite number.' }
      : { ...base, state: 'scored', value }
  const last = value ?? rungs.at(-1)?.value
  return last === undefined
    ? { ...base, state: 'failed', reason: 'It was ended early, before its first value.' }
    : { ...base, state: 'pruned', value: last }
}

const refusal = (fact: string, facts: JsonObject = {}) =>
  new SheikhError('invalid-options', `Cannot read the study of Optuna: ${fact}.`, { facts })
