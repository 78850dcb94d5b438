import type { Json, JsonObject } from '../../core/index.js'
import { kindOf } from './columns.js'

const maximumDepth = 4
const maximumLabels = 100

interface Parts {
  readonly id: string
  readonly input: string
  readonly target: string
}

/**
 * A JSON Schema (draft-07) that the samples match: the types of each field, and the labels if there are at most 100. Only id, input
 * and target are required, so that samples from feedback and from other files are valid too. Further fields are allowed.
 */
export function inferSchema(samples: readonly JsonObject[], { id, input, target }: Parts): JsonObject {
  const properties = propertiesOf(samples, 1)
  for (const field of [id, input]) properties[field] = { type: 'string', minLength: 1 }
  const labels = [...new Set(samples.map((sample) => sample[target] as string))].sort()
  properties[target] =
    labels.length <= maximumLabels ? { type: 'string', enum: labels } : { type: 'string', minLength: 1 }
  const required = [id, input, target]
  return { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', required, properties }
}

function propertiesOf(values: readonly JsonObject[], depth: number): Record<string, JsonObject> {
  const members = new Map<string, Json[]>()
  for (const value of values)
    for (const [key, member] of Object.entries(value)) {
      const list = members.get(key)
      if (list === undefined) members.set(key, [member])
      else list.push(member)
    }
  return Object.fromEntries([...members].map(([key, list]) => [key, schemaOf(list, depth + 1)]))
}

const typeNames = { text: 'string', number: 'number', boolean: 'boolean', list: 'array', object: 'object' } as const

function schemaOf(values: readonly Json[], depth: number): JsonObject {
  const types = new Set<string>()
  for (const value of values) {
    const kind = kindOf(value)
    // White space is text here, although it counts as absent when fields are chosen.
    types.add(kind !== undefined ? typeNames[kind] : value === null ? 'null' : 'string')
  }
  if (types.has('number') && values.every((value) => typeof value !== 'number' || Number.isInteger(value))) {
    types.delete('number')
    types.add('integer')
  }
  const names = [...types].sort()
  const type = names.length === 1 ? names[0]! : names
  if (depth > maximumDepth) return { type }
  const objects = values.filter((value): value is JsonObject => kindOf(value) === 'object')
  const items = values.flatMap((value) => (Array.isArray(value) ? (value as readonly Json[]) : []))
  return {
    type,
    ...(objects.length > 0 && { properties: propertiesOf(objects, depth) }),
    ...(items.length > 0 && { items: schemaOf(items, depth + 1) }),
  }
}
