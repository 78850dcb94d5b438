import type { CallContext, Json } from '../../core/index.js'
import { type Checked, maximumIssuesPerSample } from './checked.js'
import { compileJsonSchema, type JsonSchema, type JsonSchemaFile, readJsonSchema } from './json-schema.js'
import { isStandardSchema, type StandardSchema } from './standard-schema.js'

/** A schema that is ready to check samples. */
export interface SampleSchema {
  /** What stands for it in keys; absent for code, which has none. */
  readonly identity?: Json | undefined
  /** The sample, as the schema makes it, or what is wrong with it. */
  check(value: unknown): Checked | Promise<Checked>
}

/** Makes a schema ready. @throws `invalid-config` where it is not a schema, here or at the first sample. */
export async function loadSampleSchema(
  schema: StandardSchema | JsonSchema | JsonSchemaFile | undefined,
  context: CallContext,
): Promise<SampleSchema> {
  if (schema === undefined) return { identity: null, check: (value) => ({ value }) }
  if (isStandardSchema(schema)) return { check: (value) => checkStandard(schema, value) }
  const { name, document } = await readJsonSchema(schema)
  // Compiled at the first sample: where the cache knows them all, ajv is not even loaded.
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
