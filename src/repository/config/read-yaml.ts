import { constants } from 'node:fs'
import { access, open } from 'node:fs/promises'
import { join } from 'node:path'
import { LineCounter, type Node, parseDocument, visit } from 'yaml'
import { conflictFact, conflictLine, messageOf, SheikhError } from '../../core/index.js'
import { isPointerText, pointerProblem } from '../../store/index.js'
import { checkKeys, type Found, maximumAliases } from './check-keys.js'
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

/** Something in a configuration file that makes it unusable. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
}

export interface YamlFile {
  readonly file: string
  /** Plain values; `{}` for an absent or empty file. Unchecked if there are problems. */
  readonly value: Readonly<Record<string, unknown>>
  readonly notices: readonly Notice[]
  readonly problems: readonly Problem[]
}

const maximumBytes = 1_000_000

/**
 * Reads a configuration file and checks it against the keys that it may contain.
 *
 * @throws `invalid-config` with file, line and column for a file that is not YAML 1.2, repeats a key, uses a tag or is an
 * alias bomb. Wrong keys and values are returned.
 */
export async function readYaml(root: string, file: string, keys: Keys): Promise<YamlFile> {
  const text = await readText(root, file)
  if (text === undefined) {
    await refuseOtherName(root, file)
    return { file, value: {}, notices: [], problems: [] }
  }
  if (isPointerText(text)) throw invalidConfig(file, pointerProblem)
  const conflict = conflictLine(text)
  if (conflict !== undefined) throw invalidConfig(file, conflictFact, { line: conflict, column: 1 })
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
  const { notices, problems } = checkKeys(document, keys, value)
  const placed = <P extends Found>({ offset, ...found }: P) => ({ file, ...at(offset), ...found })
  return { file, value, notices: notices.map(placed), problems: problems.map(placed) }
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

/** A file that a person takes for this one, and that nothing reads. */
async function refuseOtherName(root: string, file: string): Promise<void> {
  const other = file.replace(/\.yaml$/, '.yml')
  if (
    await access(join(root, other)).then(
      () => true,
      () => false,
    )
  )
    throw invalidConfig(other, `the file is not read; rename it to "${file}"`)
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
