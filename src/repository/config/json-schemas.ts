import * as z from 'zod'
import type { JsonObject } from '../../core/index.js'
import { decides } from './check-keys.js'
import { keyDescriptions } from './key-descriptions.js'
import { datasetKeys, type Keys, pipelineKeys, trainingKeys, tuningKeys, validationKeys } from './keys.js'

/** The YAML files of a project. */
export type ConfigurationFile = 'pipeline' | 'training' | 'validation' | 'dataset' | 'tuning'

const files = {
  pipeline: { path: 'mlops/pipeline.yaml', keys: pipelineKeys },
  training: { path: 'mlops/training/config.yaml', keys: trainingKeys },
  validation: { path: 'mlops/validation/*.yaml', keys: validationKeys },
  dataset: { path: 'dataset/config.yaml', keys: datasetKeys },
  tuning: { path: 'mlops/tuning.yaml', keys: tuningKeys },
} as const

/**
 * A JSON Schema (draft-07) of each YAML file of a project, for editors. The package contains the same schemas as
 * `dist/schemas/<name>.json`.
 *
 * A schema rejects unknown keys, which `sheikh validate` reports as an error or a notice. It does not contain the rules that
 * need more than the file, such as whether a trainer knows an architecture.
 */
export function configurationSchemas(): Readonly<Record<ConfigurationFile, JsonObject>> {
  return Object.fromEntries(
    Object.entries(files).map(([name, { path, keys }]) => {
      const schema = { $schema: 'http://json-schema.org/draft-07/schema#', title: path, ...schemaOf(keys, '') }
      return [name, schema]
    }),
  ) as unknown as Record<ConfigurationFile, JsonObject>
}

/** @param path of the key from the top of the file. An entry of a list has the path of the list. */
function schemaOf(keys: Keys, path: string): JsonObject {
  const description = keyDescriptions[path]
  const described = { ...(description !== undefined && { description }) }
  const typeOr = (type: string) => (decides(keys) ? type : [type, 'null'])
  switch (keys.kind) {
    case 'free':
      return described
    case 'value':
      return { description: 'Accepted. It has no effect.', ...described, ...valueSchema(keys.type) }
    case 'list': {
      const entry = schemaOf(keys.each, path)
      const items = decides(keys.each) ? { minItems: 1, items: { ...entry, minProperties: 1 } } : { items: entry }
      return { ...described, type: typeOr('array'), ...items }
    }
    case 'map':
      return { ...described, type: typeOr('object'), additionalProperties: schemaOf(keys.each, path) }
    case 'group': {
      const member = ([name, each]: [string, Keys]) => [name, schemaOf(each, path === '' ? name : `${path}.${name}`)]
      const properties = Object.fromEntries(Object.entries(keys.keys).map(member)) as JsonObject
      return { ...described, type: typeOr('object'), properties, additionalProperties: false }
    }
  }
}

function valueSchema(type: z.ZodType): JsonObject {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { target: 'draft-07', io: 'input' })
  return schema as JsonObject
}
