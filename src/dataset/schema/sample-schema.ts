import type { CallContext, Json } from '../../core/index.js'
import { type Checked, maximumIssuesPerSample } from './checked.js'
import { compileJsonSchema, type JsonSchema, type JsonSchemaFile, readJsonSchema } from './json-schema.js'
import { isStandardSchema, type StandardSchema } from './standard-schema.js'

/** A schema that is ready to check samples. */
export interface SampleSchema {
  /** Identifies the schema in keys; absent for code, which has no identity. */
  readonly identity?: Json | undefined
  /** Validates a sample: returns the schema's output, or the problems. */
  check(value: unknown): Checked | Promise<Checked>
}

/** Loads a schema. @throws `invalid-config` if it is not a valid schema, here or at the first sample. */
export async function loadSampleSchema(
  schema: StandardSchema | JsonSchema | JsonSchemaFile | undefined,
  context: CallContext,
): Promise<SampleSchema> {
  if (schema === undefined) return { identity: null, check: (value) => ({ value }) }
  if (isStandardSchema(schema)) return { check: (value) => checkStandard(schema, value) }
  const { name, document } = await readJsonSchema(schema)
  // Compiled at the first sample, so that ajv is not loaded if all samples are cached.
  let compiled: Promise<(value: unknown) => Checked> | undefined
  let ready: ((value: unknown) => Checked) | undefined
  const compile = async () => {
    compiled ??= compileJsonSchema(name, document, context)
    ready = await compiled
    return ready
  }
  return {
    identity: document as Json,
    check: (value) => (ready === undefined ? compile().then((check) => check(value)) : ready(value)),
  }
}

function checkStandard(schema: StandardSchema, value: unknown): Checked | Promise<Checked> {
  const result = schema['~standard'].validate(value)
  return result instanceof Promise ? result.then(toChecked) : toChecked(result)
}

function toChecked(result: Awaited<ReturnType<StandardSchema['~standard']['validate']>>): Checked {
  if (result.issues === undefined) return { value: result.value }
  return {
    problems: result.issues.slice(0, maximumIssuesPerSample).map(({ message, path }) => {
      const pointer = (path ?? []).map((part) => `/${String(typeof part === 'object' ? part.key : part)}`).join('')
      return pointer === '' ? message : `${pointer} ${message}`
    }),
  }
}
