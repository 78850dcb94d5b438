// The format: https://www.promptfoo.dev/docs/configuration/reference and …/configuration/test-cases.
import { realpath } from 'node:fs/promises'
import { dirname, extname, join, relative, resolve, sep } from 'node:path'
import {
  type CallContext,
  isSheikhError,
  type Json,
  type JsonObject,
  messageOf,
  SheikhError,
} from '../../core/index.js'
import { isAbsent } from '../../store/index.js'
import { kindOf } from './columns.js'
import type { LeftOutRecord, SourceRecord, SourceRecords } from './plan.js'
import { readSamplesIn, readWhole } from './read-whole.js'
import { readYamlText } from './read-yaml-text.js'

const maximumTests = 100_000
const maximumFileBytes = 10_000_000

type Values = Readonly<Record<string, Json>>

const isObject = (value: Json | undefined): value is JsonObject => kindOf(value) === 'object'

/** Whether a document is a promptfoo configuration. */
export const isPromptfooConfig = (value: Json | undefined): value is JsonObject =>
  isObject(value) &&
  ('tests' in value || 'scenarios' in value) &&
  ('prompts' in value || 'providers' in value || 'targets' in value || 'defaultTest' in value)

/**
 * One record per test of a promptfoo configuration: its variables, and as `expected` the value of its `equals` assertion. Reads the
 * data files below the configuration's folder that it names. Runs and reads no code.
 *
 * @throws `dataset-invalid` for a configuration that needs code, a server or a file outside its folder.
 */
export async function promptfooRecords(config: JsonObject, path: string, context: CallContext): Promise<SourceRecords> {
  const folder = dirname(path)
  const notes: string[] = []
  if ('scenarios' in config) notes.push('The scenarios of the configuration are not read, only its tests.')
  const defaults = isObject(config['defaultTest']) ? config['defaultTest'] : {}
  const tests = await testsOf(config['tests'] ?? [], folder, path, context)
  const records: SourceRecord[] = []
  const leftOut: { reason: LeftOutRecord; place: string }[] = []
  const defaultVars = await varsOf(defaults['vars'], folder, path)
  const everyVar: Values[] = []
  const found: { readonly vars: Values; readonly expected: Json | LeftOutReason; readonly place: string }[] = []
  for (const { value: test, place } of tests) {
    const vars = { ...defaultVars, ...(await varsOf(test['vars'], folder, path)) }
    const expected = expectedOf([...listOf(test['assert']), ...listOf(defaults['assert'])])
    for (const combination of combinations(vars, path)) {
      everyVar.push(combination)
      found.push({ vars: combination, expected, place })
      if (found.length > maximumTests) throw refuse(path, `it has more than ${maximumTests} tests`, 'Divide it')
    }
  }
  const target = everyVar.some((vars) => Object.hasOwn(vars, 'expected')) ? 'expected_output' : 'expected'
  for (const { vars, expected, place } of found)
    if (isObject(expected as Json) && 'reason' in (expected as LeftOutReason))
      leftOut.push({ reason: (expected as LeftOutReason).reason, place })
    else records.push({ place, value: { ...vars, [target]: expected as Json } })
  return { format: 'promptfoo', records, leftOut, notes, known: { target } }
}

interface LeftOutReason {
  readonly reason: LeftOutRecord
}

const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : [])

async function testsOf(
  tests: Json,
  ...place: readonly [folder: string, path: string, context: CallContext]
): Promise<readonly SourceRecord[]> {
  const found: SourceRecord[] = []
  for (const [index, test] of (Array.isArray(tests) ? (tests as readonly Json[]) : [tests]).entries()) {
    if (typeof test === 'string') found.push(...(await testsInFile(test, ...place)))
    else if (isObject(test) && typeof test['path'] === 'string' && !('vars' in test))
      found.push(...(await testsInFile(test['path'], ...place)))
    else if (isObject(test)) found.push({ value: test, place: `tests[${index}]` })
    else throw refuse(place[1], `tests[${index}] is neither an object nor the name of a file`, 'Correct it')
  }
  return found
}

async function testsInFile(
  name: string,
  ...place: readonly [folder: string, path: string, context: CallContext]
): Promise<readonly SourceRecord[]> {
  const [folder, path, context] = place
  const file = await plainFile(name, folder, path)
  const extension = extname(file).toLowerCase()
  const shown = relative(folder, file)
  if (extension === '.yaml' || extension === '.yml')
    return testsOf(readYamlText(await readWhole(file, maximumFileBytes), shown), ...place)
  if (!['.csv', '.tsv', '.json', '.jsonl', '.ndjson'].includes(extension))
    throw refuse(path, `it names "${name}", and tests are only read from CSV, JSON, JSONL and YAML`, 'Convert the file')
  const samples = await readSamplesIn(file, maximumFileBytes, context)
  return samples.map(({ value, position }) => {
    if (kindOf(value as Json) !== 'object') throw refuse(path, `${shown} ${position} is not an object`, 'Correct it')
    return {
      value: extension === '.csv' || extension === '.tsv' ? testOfRow(value as Values) : (value as JsonObject),
      place: `${shown} ${position}`,
    }
  })
}

/** A row of a table of tests: columns are variables, except those that begin with two underscores. */
function testOfRow(row: Values): JsonObject {
  const columns = Object.entries(row)
  const asserted = columns.filter(([name, value]) => /^__expected\d*$/.test(name) && value !== '')
  return {
    vars: Object.fromEntries(columns.filter(([name]) => !name.startsWith('__'))),
    assert: asserted.map(([, value]) => assertionOf(String(value))),
  }
}

/** `equals: yes`, `contains: yes`, or only the expected text. */
function assertionOf(text: string): JsonObject {
  const [, type, value] = /^\s*((?:not-)?[a-z][a-z-]*)(?:\([^)]*\))?:\s*(.*)$/s.exec(text) ?? []
  if (/^(?:fn|eval|javascript|python|file):/.test(text)) return { type: 'javascript' }
  return type === undefined || !assertionTypes.test(type) ? { type: 'equals', value: text } : { type, value: value! }
}

// Others are texts with a colon: `note: call back`.
const assertionTypes =
  /^(?:not-)?(?:equals|contains(?:-all|-any|-json)?|icontains(?:-all|-any)?|regex|starts-with|similar|is-json|llm-rubric|grade|factuality|latency|cost|levenshtein|rouge-n|webhook|model-graded-[a-z]+|answer-relevance|context-[a-z]+)$/

function expectedOf(assertions: readonly Json[]): Json | LeftOutReason {
  const values = assertions.flatMap((assertion) =>
    isObject(assertion) &&
    assertion['type'] === 'equals' &&
    ['text', 'number', 'boolean'].includes(kindOf(assertion['value'] as Json) ?? '')
      ? [assertion['value'] as Json]
      : [],
  )
  // A value with a template depends on the variables, and is rendered by nobody here.
  const plain = values.filter((value) => typeof value !== 'string' || !/\{\{|\{%|^file:\/\//.test(value))
  if (plain.length === 0) return { reason: 'no-equals-assertion' }
  return new Set(plain.map(String)).size > 1 ? { reason: 'not-one-answer' } : plain[0]!
}

async function varsOf(vars: Json | undefined, folder: string, path: string): Promise<Values> {
  if (vars === undefined || vars === null) return {}
  if (typeof vars === 'string') {
    const file = await plainFile(vars, folder, path)
    const value = readYamlText(await readWhole(file, maximumFileBytes), relative(folder, file))
    if (!isObject(value)) throw refuse(path, `the variables in "${vars}" are not an object`, 'Correct the file')
    return varsOf(value, folder, path)
  }
  if (!isObject(vars)) throw refuse(path, 'the variables of a test are not an object', 'Correct it')
  const found: [string, Json][] = []
  for (const [name, value] of Object.entries(vars)) {
    if (typeof value !== 'string' || !/^file:\/\//.test(value)) {
      found.push([name, value])
      continue
    }
    const file = await plainFile(value, folder, path)
    const bytes = await readWhole(file, maximumFileBytes)
    const isData = /\.(?:ya?ml|json)$/i.test(file)
    found.push([name, isData ? readYamlText(bytes, relative(folder, file)) : new TextDecoder().decode(bytes)])
  }
  return Object.fromEntries(found)
}

/** A variable with a list has each of its values in turn, combined with those of the others. */
function combinations(vars: Values, path: string): readonly Values[] {
  let found: Values[] = [{}]
  for (const [name, value] of Object.entries(vars)) {
    const values = Array.isArray(value) ? (value as readonly Json[]) : [value]
    if (found.length * values.length > maximumTests)
      throw refuse(path, `the variables of a test have more than ${maximumTests} combinations`, 'Divide it')
    found = values.flatMap((each) => found.map((others) => ({ ...others, [name]: each })))
  }
  return found
}

/** A data file below the folder of the configuration. */
async function plainFile(name: string, folder: string, config: string): Promise<string> {
  const plain = name.replace(/^file:\/\//, '')
  if (/\.(?:[cm]?[jt]s|py|rb|sh|go|exe)(?::[\w.]+)?$/i.test(plain))
    throw refuse(
      config,
      `it takes data from the program "${name}", and an import runs no code`,
      'Write what the program makes to a JSON or CSV file, and name that file',
    )
  if (/^(?:[a-z][a-z\d+.-]*:|exec\b)/i.test(plain))
    throw refuse(
      config,
      `it takes data from "${name}", and an import only reads files beside it`,
      'Save the data as a file',
    )
  if (/[*?{[]/.test(plain)) throw refuse(config, `it names files by the pattern "${name}"`, 'Name each file')
  const path = resolve(folder, plain)
  let real: string
  try {
    real = await realpath(path)
  } catch (error) {
    if (isSheikhError(error)) throw error
    throw refuse(
      config,
      `it names "${name}", which ${isAbsent(error) ? 'does not exist' : `cannot be read (${messageOf(error)})`}`,
      'Correct the name',
    )
  }
  if (!real.startsWith(join(await realpath(folder), sep)))
    throw refuse(config, `it names "${name}", which is outside its folder`, 'Copy the file into the folder')
  return real
}

const refuse = (path: string, fact: string, remedy: string) =>
  new SheikhError(
    'dataset-invalid',
    `Cannot import the promptfoo configuration ${JSON.stringify(path)}: ${fact}. ${remedy}.`,
    {
      facts: { path },
    },
  )
