import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { isMap, isNode, isScalar, isSeq, LineCounter, type Node, parseDocument, visit } from 'yaml'
import { messageOf, SheikhError } from '../../core/index.js'
import type { Keys } from './keys.js'

/** Something in a configuration file that has no effect. */
export interface Notice {
  readonly file: string
  readonly line: number
  readonly column: number
  /** As `stages.release.versioning.strategy`. */
  readonly key: string
  readonly kind: 'unknown' | 'not-honoured'
  readonly message: string
}

export interface YamlFile {
  readonly file: string
  /** Plain values; `{}` for an absent or empty file. */
  readonly value: Readonly<Record<string, unknown>>
  readonly notices: readonly Notice[]
}

const maximumBytes = 1_000_000
/** Far more than a person writes, far fewer than an alias bomb needs. */
const maximumAliases = 50

/**
 * Reads a configuration file against the keys that may stand in it.
 *
 * @throws `invalid-config` with file, line and column for what is not YAML 1.2, repeats a key, uses a tag, is an alias
 * bomb, or holds a value of another kind than its key takes. A key that nobody knows is a notice.
 */
export async function readYaml(root: string, file: string, keys: Keys): Promise<YamlFile> {
  const text = await readText(root, file)
  if (text === undefined) return { file, value: {}, notices: [] }
  const lines = new LineCounter()
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const fail = (fact: string, offset: number) => invalidConfig(file, fact, at(offset))
  const document = parseDocument(text, {
    lineCounter: lines,
    uniqueKeys: true,
    prettyErrors: false,
    // 'silent' would also be silent about a second document.
    logLevel: 'error',
  })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) throw fail(problem.message, problem.pos[0])

  let aliases = 0
  visit(document, {
    Node(_, node) {
      if (node.tag !== undefined && !isPlainTag(node))
        throw fail(`the tag ${node.tag} is not allowed`, node.range?.[0] ?? 0)
    },
    Alias(_, node) {
      if (node.resolve(document) === undefined)
        throw fail(`the alias "${node.source}" has no anchor`, node.range?.[0] ?? 0)
      aliases += 1
      if (aliases > maximumAliases) throw fail(`it has more than ${maximumAliases} aliases`, node.range?.[0] ?? 0)
    },
  })
  const value = plainValue(document, file)
  const notices: Notice[] = []
  const check = (node: unknown, expected: Keys, path: string): void => {
    if (expected.kind === 'free' || node === null || node === undefined) return
    const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0
    if (expected.kind === 'value') {
      const result = expected.type.safeParse(
        isNode(node) ? node.toJS(document, { maxAliasCount: maximumAliases }) : node,
      )
      if (!result.success) throw fail(`"${path}": ${result.error.issues[0]?.message ?? 'not valid'}`, offset)
      const honoured = expected.honoured(result.data, value)
      if (honoured !== true)
        notices.push({
          file,
          ...at(offset),
          key: path,
          kind: 'not-honoured',
          message: `"${path}"${honoured === false ? ' is understood and has no effect yet' : `: ${honoured}`}`,
        })
      return
    }
    if (isScalar(node) && node.value === null) return
    if (expected.kind === 'list') {
      if (!isSeq(node)) throw fail(`"${path}" is not a list`, offset)
      for (const item of node.items) check(item, expected.each, path)
      return
    }
    if (!isMap(node)) throw fail(`"${path}" is not a map of keys`, offset)
    for (const { key, value: member } of node.items) {
      const name = String(isScalar(key) ? key.value : key)
      const memberPath = path === '' ? name : `${path}.${name}`
      const next =
        expected.kind === 'map' ? expected.each : Object.hasOwn(expected.keys, name) ? expected.keys[name] : undefined
      if (next !== undefined) check(member, next, memberPath)
      else
        notices.push({
          file,
          ...at(isNode(key) ? (key.range?.[0] ?? 0) : 0),
          key: memberPath,
          kind: 'unknown',
          message: `"${memberPath}" is unknown, and has no effect`,
        })
    }
  }
  // A file whose root is no map holds no key at all.
  if (document.contents !== null && !(isScalar(document.contents) && document.contents.value === null))
    check(document.contents, keys, '')
  return { file, value, notices }
}

export function invalidConfig(
  file: string,
  fact: string,
  place: { readonly line?: number; readonly column?: number } = {},
  cause?: unknown,
): SheikhError {
  const where = place.line === undefined ? `"${file}"` : `"${file}", line ${place.line}, column ${place.column}`
  return new SheikhError('invalid-config', `Cannot use ${where}: ${fact.replace(/\.$/, '')}. Correct it.`, {
    facts: { file, ...place },
    ...(cause !== undefined && { cause }),
  })
}

// `!!str` and its like say what YAML's core schema would find by itself.
const isPlainTag = (node: Node) => /^tag:yaml\.org,2002:(str|int|float|bool|null|map|seq)$/.test(node.tag ?? '')

function plainValue(document: ReturnType<typeof parseDocument>, file: string): Readonly<Record<string, unknown>> {
  try {
    return (document.toJS({ maxAliasCount: maximumAliases }) ?? {}) as Readonly<Record<string, unknown>>
  } catch (error) {
    throw invalidConfig(file, messageOf(error), {}, error)
  }
}

async function readText(root: string, file: string): Promise<string | undefined> {
  try {
    const handle = await open(join(root, file), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    try {
      const { size } = await handle.stat()
      if (size > maximumBytes) throw invalidConfig(file, `it has ${size} bytes, and ${maximumBytes} are the most`)
      return new TextDecoder('utf-8', { fatal: true }).decode(await handle.readFile())
    } finally {
      await handle.close()
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (error instanceof SheikhError) throw error
    throw invalidConfig(file, code === 'ELOOP' ? 'it is a symbolic link' : messageOf(error), {}, error)
  }
}
