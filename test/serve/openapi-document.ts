import { Ajv2020 } from 'ajv/dist/2020.js'
import type { Json, JsonObject } from '../../src/core/index.js'
import type { PredictionHandler } from '../../src/serve/index.js'

interface Media {
  readonly schema: JsonObject
}

export interface OperationObject {
  readonly method: 'get' | 'post'
  readonly path: string
  readonly operationId: string
  readonly security: readonly Json[]
  readonly requestBody?: { readonly content: { readonly 'application/json': Media } }
  readonly responses: Readonly<
    Record<string, { readonly headers: JsonObject; readonly content: Readonly<Record<string, Media>> }>
  >
}

export async function documentOf(handler: PredictionHandler): Promise<JsonObject> {
  return (await (await handler(new Request('http://localhost/openapi.json'))).json()) as JsonObject
}

export function operationsOf(document: JsonObject): readonly OperationObject[] {
  const paths = document['paths'] as Readonly<Record<string, Readonly<Record<string, object>>>>
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, ...operation }) as OperationObject),
  )
}

const checks = new Map<string, (value: unknown) => unknown>()

/** @returns a function that says what of a value does not fit the schema. To compile a schema takes long. */
export function schemaCheck(schema: JsonObject): (value: unknown) => unknown {
  const text = JSON.stringify(schema)
  const check = checks.get(text) ?? compiled(schema)
  checks.set(text, check)
  return check
}

function compiled(schema: JsonObject): (value: unknown) => unknown {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false, strictTypes: false })
  // Of the document, for schemas that refer to it.
  const check = ajv.addKeyword('components').compile(schema)
  return (value) => (check(value) ? undefined : check.errors)
}
