import type { Json, JsonObject } from '../core/index.js'
import type { Prediction } from '../model/index.js'
import type { Limits } from './options.js'

/** A JSON Schema, draft 2020-12, as OpenAPI 3.1 has it. */
export type Schema = JsonObject

/** How `/openapi.json` describes a route. Tests compare it with what the route accepts and answers. */
export interface Operation {
  /** Unique in the document. */
  readonly id: string
  /** What the schema of the body cannot say. @default nothing */
  readonly description?: string
  /** The schema of the body. Absent: the route reads none. */
  readonly request?: Schema
  /** The kinds of predictions that the route can answer with. For other models the document leaves it out. @default all */
  readonly kinds?: readonly Prediction['kind'][]
  /** By status. Refusals come from the protocol. */
  readonly answers: Readonly<Record<number, Answers>>
}

export interface Answers {
  readonly description: string
  /** By content type. */
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>
}

export const string: Schema = { type: 'string' }
export const number: Schema = { type: 'number' }
export const integer: Schema = { type: 'integer' }

/** An object whose members are all required. */
export const object = (properties: JsonObject): Schema => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
})

export const list = (items: Json, bounds: JsonObject = {}): Schema => ({ type: 'array', items, ...bounds })

/** A member that clients send as null for what they leave out. */
export const orNull = (schema: Schema): Schema => ({ anyOf: [schema, { type: 'null' }] })

export const inJson = (description: string, schema: Schema): Answers => ({
  description,
  content: { 'application/json': { schema } },
})

export const inText = (description: string): Answers => ({
  description,
  content: { 'text/plain': { schema: string } },
})

/** Some inputs, at most as many as a request may have. */
export const inputList = (input: Schema, { maximumInputs }: Pick<Limits, 'maximumInputs'>): Schema =>
  list(input, { minItems: 1, maxItems: maximumInputs })

/** An input that has none of these types, which mean something else where it is. */
export const inputWithout = (input: Schema, ...types: readonly string[]): Schema => {
  const { type } = input
  const allowed = typeof type === 'string' ? [type] : Array.isArray(type) ? (type as readonly Json[]) : undefined
  if (allowed !== undefined && !types.some((one) => allowed.includes(one))) return input
  return { allOf: [input, { not: { type: [...types] } }] }
}

/** The schema that fits the kind of the model's predictions, or any of them if the kind is not known yet. */
export function byKind(
  schemas: Partial<Readonly<Record<Prediction['kind'], Schema>>>,
  kind: Prediction['kind'] | undefined,
): Schema {
  const known = kind === undefined ? undefined : schemas[kind]
  return known ?? { anyOf: Object.values(schemas) }
}
