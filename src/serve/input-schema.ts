import type { Json, JsonObject } from '../core/index.js'
import type { Schema } from './operation.js'

/** The schema of one input, as `/openapi.json` contains it. */
export interface DescribedInput {
  /** For any place in the document. */
  readonly schema: Schema
  /** What the document has under `components/schemas`. */
  readonly components: JsonObject
}

const name = 'Input'
const place = `#/components/schemas/${name}`

/** Keywords whose members are schemas by name. */
const byName = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions'])
/** Keywords whose values are data. */
const asData = new Set(['const', 'enum', 'default', 'examples', 'example'])

/** A schema that refers to its own parts has one place in the document, and its references lead there. */
export function describeInput(schema: Schema): DescribedInput {
  if (!JSON.stringify(schema).includes('"$ref"')) return { schema, components: {} }
  const { type } = schema
  return {
    // The type is repeated, because some protocols describe texts and lists differently.
    schema: { $ref: place, ...(type !== undefined && { type }) },
    components: { [name]: moved(schema) },
  }
}

function moved(value: Json, isByName = false): Json {
  if (Array.isArray(value)) return value.map((item) => moved(item))
  if (typeof value !== 'object' || value === null) return value
  // References inside a schema with an id start at that schema.
  if (!isByName && Object.hasOwn(value, '$id')) return value
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([key, part]) => {
      if (isByName) return [key, moved(part)]
      if (key === '$ref' && typeof part === 'string' && /^#(\/|$)/.test(part)) return [key, place + part.slice(1)]
      return [key, asData.has(key) ? part : moved(part, byName.has(key))]
    }),
  )
}
