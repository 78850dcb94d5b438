import { readFile, stat } from 'node:fs/promises'
import type { ValidateFunction } from 'ajv'
import { type CallContext, messageOf, plainPath, SheikhError } from '../../core/index.js'
import { isPointerText, pointerProblem } from '../../store/index.js'
import { parseJsonText } from '../json-text.js'
import { boundedPattern } from './bounded-pattern.js'
import { type Checked, maximumIssuesPerSample } from './checked.js'

/** A JSON Schema of draft-04, 06, 07, 2019-09 or 2020-12, as named by its `$schema`. @default draft-07 */
export type JsonSchema = { readonly [keyword: string]: unknown }

export interface JsonSchemaFile {
  readonly jsonSchemaFile: string
}

/** A JSON Schema in a file. The file is read together with the dataset. */
export function jsonSchemaFile(path: string): JsonSchemaFile {
  return { jsonSchemaFile: plainPath(path, 'the path of a JSON Schema') }
}

const maximumSchemaBytes = 1_000_000

/** The schema's document, and its name in error messages. */
export async function readJsonSchema(
  schema: JsonSchema | JsonSchemaFile,
): Promise<{ readonly name: string; readonly document: JsonSchema }> {
  if (!('jsonSchemaFile' in schema)) return { name: 'of the samples', document: schema }
  const path = schema.jsonSchemaFile as string
  const name = JSON.stringify(path)
  let text: string
  try {
    const { size } = await stat(path)
    if (size > maximumSchemaBytes)
      throw refused(name, `it has ${size} bytes, but the maximum is ${maximumSchemaBytes}`, { file: path })
    text = await readFile(path, 'utf8')
    if (isPointerText(text)) throw refused(name, pointerProblem, { file: path })
  } catch (error) {
    if (error instanceof SheikhError) throw error
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw refused(name, absent ? 'it does not exist' : messageOf(error), { file: path }, error)
  }
  const parsed = parseJsonText(text)
  if ('problem' in parsed) {
    const { line, column, message } = parsed.problem
    throw refused(name, `${message} in line ${line}, column ${column}`, { file: path, line, column })
  }
  const document = parsed.value
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw refused(name, 'it is not an object', { file: path })
  return { name, document: document as JsonSchema }
}

/**
 * Compiles a schema to a check of samples. `document` is trusted like code, because ajv generates a function from it.
 */
export async function compileJsonSchema(
  name: string,
  document: JsonSchema,
  { log }: CallContext,
): Promise<(value: unknown) => Checked> {
  const text = JSON.stringify(document)
  if (last?.text !== text) last = { text, ...(await compile(name, document)) }
  const { validate, warnings } = last
  for (const warning of warnings) log.warn(`The JSON Schema ${name}: ${warning}`)
  return (value) => {
    if (validate(value)) return { value }
    const errors = validate.errors ?? []
    return {
      problems: errors
        .slice(0, maximumIssuesPerSample)
        .map(
          ({ instancePath, message, params }) =>
            `${instancePath === '' ? '' : `${instancePath} `}${message ?? 'is not valid'}${detailOf(params)}`,
        ),
    }
  }
}

interface Compiled {
  readonly validate: ValidateFunction
  readonly warnings: readonly string[]
}

// A process that reads its dataset again finds the same schema. To compile one takes longer than to check a thousand samples.
let last: (Compiled & { readonly text: string }) | undefined

async function compile(name: string, document: JsonSchema): Promise<Compiled> {
  const [{ Ajv, document: schema }, { default: formats }] = await Promise.all([
    loadDraft(name, document),
    import('ajv-formats'),
  ])
  const warnings: string[] = []
  const warn = (...words: unknown[]) => void warnings.push(words.map(String).join(' '))
  const ajv = new Ajv({
    allErrors: true,
    code: { regExp: patternEngine },
    // The drafts ignore unknown keywords; a warning names each one, since it may be misspelled.
    strict: false,
    strictSchema: 'log',
    logger: { log: warn, warn, error: warn },
  })
  formats.default(ajv)
  try {
    return { validate: ajv.compile(schema), warnings }
  } catch (error) {
    throw refused(name, messageOf(error), {}, error)
  }
}

// ajv needs this name only when it writes code to a file, which does not happen here.
const patternEngine = Object.assign(boundedPattern, { code: 'boundedPattern' })

type AjvClass = typeof import('ajv').Ajv

/** The ajv class for the draft of a schema. @throws `invalid-config` for an unknown draft. */
async function loadDraft(
  name: string,
  document: JsonSchema,
): Promise<{ readonly Ajv: AjvClass; readonly document: JsonSchema }> {
  const { $schema, ...rest } = document
  const draft =
    $schema === undefined
      ? '07'
      : /^https?:\/\/json-schema\.org\/draft[/-]([\d-]+)\/schema#?$/.exec(String($schema))?.[1]
  switch (draft) {
    case '2020-12':
      return { Ajv: (await import('ajv/dist/2020.js')).Ajv2020 as unknown as AjvClass, document }
    case '2019-09':
      return { Ajv: (await import('ajv/dist/2019.js')).Ajv2019 as unknown as AjvClass, document }
    // Draft-07 is draft-06 with more keywords.
    case '07':
    case '06':
      return { Ajv: (await import('ajv')).Ajv, document: rest }
    case '04': {
      const module = await import('ajv-draft-04')
      return { Ajv: module.default.default as unknown as AjvClass, document }
    }
    default:
      throw refused(
        name,
        `its "$schema" is ${JSON.stringify($schema)}, but only the drafts 04, 06, 07, 2019-09 and 2020-12 of json-schema.org are supported`,
        { schema: $schema },
      )
  }
}

// Adds the detail that some messages of ajv omit.
function detailOf(params: Readonly<Record<string, unknown>>): string {
  if (typeof params['additionalProperty'] === 'string') return ` (${JSON.stringify(params['additionalProperty'])})`
  if (Array.isArray(params['allowedValues']))
    return ` (${params['allowedValues'].map((value) => JSON.stringify(value)).join(', ')})`
  return ''
}

const refused = (name: string, fact: string, facts: Readonly<Record<string, unknown>>, cause?: unknown) =>
  new SheikhError('invalid-config', `Cannot use the JSON Schema ${name}: ${fact}. Correct it.`, {
    facts,
    ...(cause === undefined ? {} : { cause }),
  })
