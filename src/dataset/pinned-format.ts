import { type Digest, isDigest, SheikhError } from '../core/index.js'
import type { PinnedFields, PinnedItem, PinnedSet, Repin } from './dataset-types.js'

/** Formats a pinned set as JSON with one item per line, so that Git diffs are readable. */
export function formatPinnedSet({ formatVersion, salt, purpose, share, fields, repins, items }: PinnedSet): string {
  const head = Object.entries({ formatVersion, salt, purpose, share, fields, repins }).flatMap(([name, value]) =>
    value === undefined ? [] : [`  "${name}": ${JSON.stringify(value)},\n`],
  )
  const lines = sorted(items).map(({ id, digest, group }) => `    ${JSON.stringify({ id, digest, group })}`)
  return `{\n${head.join('')}  "items": [${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n  `}]\n}\n`
}

/** Validates a document. @throws `dataset-invalid` if it is not a pinned set. */
export function parsePinnedSet(document: unknown, name = 'it'): PinnedSet {
  const refuse = (fact: string): never => {
    throw new SheikhError(
      'dataset-invalid',
      `Cannot use the evaluation set: ${name} ${fact}. Restore it from Git, or pin a new one: sheikh evaluation pin`,
      { facts: { source: name } },
    )
  }
  const set = isObject(document) ? document : refuse('is not an object')
  const { formatVersion, salt, purpose, share } = set
  if (formatVersion !== 1 && formatVersion !== 2)
    return refuse(`has the format version ${JSON.stringify(formatVersion)}, but only 1 and 2 are supported`)
  if (typeof salt !== 'string') return refuse('has no "salt"')
  if (typeof purpose !== 'string') return refuse('has no "purpose"')
  if (typeof share !== 'number' || !(share > 0 && share < 1)) return refuse('has no "share" between 0 and 1')
  if (!Array.isArray(set['items'])) return refuse('has no "items"')
  const items = set['items'].map((item: unknown, index): PinnedItem => {
    const at = `item ${index + 1}`
    if (!isObject(item)) return refuse(`has an ${at} that is not an object`)
    const { id, digest, group } = item
    if (typeof id !== 'string' || id === '') return refuse(`has an ${at} without an id`)
    if (!isDigest(digest)) return refuse(`has no digest for ${JSON.stringify(id)}`)
    if (group !== undefined && typeof group !== 'string')
      return refuse(`has a group for ${JSON.stringify(id)} that is not text`)
    return pinnedItem(id, digest, group)
  })
  const inOrder = sorted(items)
  const twice = inOrder.find(({ id }, index) => inOrder[index - 1]?.id === id)
  if (twice !== undefined) refuse(`contains ${JSON.stringify(twice.id)} twice`)
  const fields = set['fields'] === undefined ? undefined : (fieldsOf(set['fields']) ?? refuse('has wrong "fields"'))
  const repins = set['repins'] === undefined ? undefined : (repinsOf(set['repins']) ?? refuse('has wrong "repins"'))
  return {
    ...{ formatVersion, salt, purpose, share },
    ...(fields !== undefined && { fields }),
    ...(repins !== undefined && { repins }),
    items: inOrder,
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function fieldsOf(value: unknown): PinnedFields | undefined {
  if (!isObject(value)) return undefined
  const { input, target, group } = value
  const isName = (name: unknown): name is string | undefined => name === undefined || typeof name === 'string'
  if (!isName(input) || !isName(target) || !isName(group)) return undefined
  return {
    ...(input !== undefined && { input }),
    ...(target !== undefined && { target }),
    ...(group !== undefined && { group }),
  }
}

function repinsOf(value: unknown): readonly Repin[] | undefined {
  if (!Array.isArray(value)) return undefined
  const repins = value.flatMap((item: unknown) => {
    if (!isObject(item)) return []
    const { reason, by, atMs, changed, removed } = item
    if (typeof reason !== 'string' || typeof by !== 'string' || !Number.isSafeInteger(atMs)) return []
    if (!Number.isSafeInteger(changed) || !Array.isArray(removed)) return []
    if (!removed.every((id): id is string => typeof id === 'string')) return []
    return [{ reason, by, atMs: atMs as number, changed: changed as number, removed }]
  })
  return repins.length === value.length ? repins : undefined
}

export const pinnedItem = (id: string, digest: Digest, group: string | undefined): PinnedItem =>
  group === undefined ? { id, digest } : { id, digest, group }

export const sorted = (items: readonly PinnedItem[]): readonly PinnedItem[] =>
  [...items].sort((left, right) => (left.id < right.id ? -1 : left.id > right.id ? 1 : 0))
