import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node } from 'yaml'
import { nearestName } from '../../core/index.js'
import type { Keys } from './keys.js'
import type { Notice } from './read-yaml.js'
import type { Values } from './values.js'

/** Where in the file's text something was found. */
export interface Found {
  readonly offset: number
  readonly message: string
}
type FoundNotice = Found & Pick<Notice, 'key' | 'kind'>

/** Far more than a person writes, far fewer than an alias bomb needs. */
export const maximumAliases = 50

/**
 * Checks a file against the keys that it may contain. A value of the wrong type is a problem. An unknown key is a problem in
 * a group that decides what is released, and a notice elsewhere.
 */
export function checkKeys(
  document: Document,
  keys: Keys,
  file: Values,
): { readonly notices: readonly FoundNotice[]; readonly problems: readonly Found[] } {
  const notices: FoundNotice[] = []
  const problems: Found[] = []
  const named = compoundNames(keys)
  const fail = (offset: number, message: string) => {
    problems.push({ offset, message })
  }

  function check(written: unknown, expected: Keys, path: string, place: number): void {
    if (expected.kind === 'free') return
    const node = isAlias(written) ? written.resolve(document) : written
    const offset = offsetOf(written) ?? place
    if (isEmpty(node)) {
      if (decides(expected)) fail(offset, `"${path}" has no value. Give it one, or remove the key`)
      else if (expected.kind === 'value' && node !== null && node !== undefined)
        checkValue(node, expected, path, offset)
    } else if (expected.kind === 'value') checkValue(node, expected, path, offset)
    else if (expected.kind === 'list') checkList(node, expected, path, offset)
    else checkMap(node, expected, path, offset)
  }

  function checkValue(
    node: unknown,
    { type, honoured, problem }: Keys & { kind: 'value' },
    path: string,
    offset: number,
  ): void {
    const value = isNode(node) ? node.toJS(document, { maxAliasCount: maximumAliases }) : node
    const result = type.safeParse(value, { reportInput: true })
    if (!result.success) {
      const [issue] = result.error.issues
      const isUnset = issue?.code === 'invalid_type' && issue.input === null
      const unset = `no value${issue?.code === 'invalid_type' && issue.expected === 'object' ? '; write {} for an empty one' : ''}`
      fail(
        offset,
        `"${[path, ...(issue?.path ?? [])].join('.')}": ${isUnset ? unset : (issue?.message ?? 'not valid')}`,
      )
      return
    }
    const found = problem?.(result.data, file)
    if (found !== undefined) {
      fail(offset, `"${path}": ${found}`)
      return
    }
    const effect = honoured(result.data, file)
    if (effect === true) return
    const message = `"${path}"${effect === false ? ' is understood and has no effect yet' : `: ${effect}`}`
    notices.push({ offset, key: path, kind: 'not-honoured', message })
  }

  function checkList(node: unknown, { each, once }: Keys & { kind: 'list' }, path: string, offset: number): void {
    if (!isSeq(node)) {
      fail(offset, `"${path}" is not a list`)
      return
    }
    if (node.items.length === 0 && decides(each)) fail(offset, `"${path}" is empty. Fill the list, or remove the key`)
    const seen = new Set<string>()
    for (const item of node.items) {
      check(item, each, path, offset)
      const plain = isAlias(item) ? item.resolve(document) : item
      if (!isMap(plain) || !decides(each)) continue
      if (plain.items.length === 0) fail(offsetOf(plain) ?? offset, `"${path}" has an entry without a key`)
      if (!once) continue
      for (const { key } of plain.items) {
        const name = nameOf(key)
        if (seen.has(name)) fail(offsetOf(key) ?? offset, `"${path}.${name}" is given twice. Remove one of them`)
        seen.add(name)
      }
    }
  }

  function checkMap(node: unknown, expected: Keys & { kind: 'map' | 'group' }, path: string, offset: number): void {
    if (!isMap(node)) {
      fail(offset, `"${path}" is not a map of keys`)
      return
    }
    for (const { key, value } of node.items) {
      const name = nameOf(key)
      const memberPath = path === '' ? name : `${path}.${name}`
      const place = offsetOf(key) ?? offset
      if (expected.kind === 'map') check(value, expected.each, memberPath, place)
      else if (Object.hasOwn(expected.keys, name)) check(value, expected.keys[name]!, memberPath, place)
      else unknown(value, expected, { name, path: memberPath, offset: place })
    }
  }

  function unknown(
    value: unknown,
    { keys: known, decides: here }: Keys & { kind: 'group' },
    { name, path, offset }: { readonly name: string; readonly path: string; readonly offset: number },
  ): void {
    const elsewhere = named.get(name)
    const nearest = nearestName(name, Object.keys(known))
    const meant = nearest !== undefined && decides(known[nearest]!)
    const listed = Object.keys(known).join(', ')
    if (elsewhere !== undefined) fail(offset, `"${path}" is unknown here. "${name}" belongs under ${elsewhere}`)
    else if (here || meant)
      fail(
        offset,
        `"${path}" is unknown. ${nearest === undefined ? '' : `Did you mean "${nearest}"? `}The known keys are ${listed}`,
      )
    else {
      const hint = nearest === undefined ? '' : `; did you mean "${nearest}"?`
      notices.push({ offset, key: path, kind: 'unknown', message: `"${path}" is unknown, and has no effect${hint}` })
      search(value, path)
    }
  }

  /** A check in a section that nothing reads is switched off. */
  function search(value: unknown, path: string): void {
    if (isSeq(value)) for (const item of value.items) search(item, path)
    if (!isMap(value)) return
    for (const { key, value: member } of value.items) {
      const name = nameOf(key)
      const elsewhere = named.get(name)
      if (elsewhere === undefined) search(member, `${path}.${name}`)
      else fail(offsetOf(key) ?? 0, `"${path}.${name}" is unknown here. "${name}" belongs under ${elsewhere}`)
    }
  }

  const root = document.contents
  // An empty file has no keys.
  if (root !== null && !(isScalar(root) && root.value === null)) check(root, keys, '', 0)
  return { notices, problems }
}

/** Whether something at or under this key decides what is released. It must then have a value. */
export function decides(keys: Keys): boolean {
  if (keys.kind === 'list' || keys.kind === 'map') return decides(keys.each)
  if (keys.kind === 'group') return keys.decides === true || Object.values(keys.keys).some(decides)
  return keys.kind === 'value' && keys.decides === true
}

/**
 * Keys of groups that decide, with where they belong. Only names of several words that have one place: a plain word such as
 * `size` may be a document of its own elsewhere.
 */
function compoundNames(keys: Keys): ReadonlyMap<string, string> {
  const found = new Map<string, string[]>()
  const visit = (one: Keys, path: string): void => {
    if (one.kind === 'list' || one.kind === 'map') visit(one.each, path)
    if (one.kind !== 'group') return
    for (const [name, member] of Object.entries(one.keys)) {
      if (name.includes('_')) found.set(name, [...(found.get(name) ?? []), one.decides ? path : ''])
      visit(member, path === '' ? name : `${path}.${name}`)
    }
  }
  visit(keys, '')
  return new Map([...found].flatMap(([name, [path, ...more]]) => (path && more.length === 0 ? [[name, path]] : [])))
}

const isEmpty = (node: unknown) => node === null || node === undefined || (isScalar(node) && node.value === null)
const nameOf = (key: unknown) => String(isScalar(key) ? key.value : key)
const offsetOf = (node: unknown) => (isNode(node) ? (node as Node).range?.[0] : undefined)
