import { readFile, stat } from 'node:fs/promises'
import { messageOf, plainPath, SheikhError } from '../core/index.js'
import { isPointerText, pointerProblem } from '../store/index.js'
import type { PinnedSet, PinnedSource } from './dataset-types.js'
import { parseJsonText } from './json-text.js'
import { parsePinnedSet } from './pinned-format.js'

// Enough for a million items of a hundred bytes.
const maximumBytes = 100_000_000

/** Reads the pinned set from a file. If the file does not exist, no set is pinned yet. */
export function pinnedFile(path: string): PinnedSource {
  plainPath(path, 'the path of an evaluation set')
  const name = JSON.stringify(path)
  return {
    name: path,
    async read({ signal }) {
      signal.throwIfAborted()
      const text = await readText(path)
      if (text === undefined) return undefined
      const parsed = parseJsonText(text)
      if ('value' in parsed) return parsePinnedSet(parsed.value, name)
      const { line, column, message } = parsed.problem
      throw refused(path, `${message} in line ${line}, column ${column}`, { line, column })
    },
  }
}

/** A pinned set in memory. */
export function pinnedSet(set: PinnedSet): PinnedSource {
  const checked = parsePinnedSet(set)
  return { name: 'the pinned set', read: async () => checked }
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    if (size > maximumBytes) throw refused(path, `it has ${size} bytes, but the maximum is ${maximumBytes}`)
    const text = await readFile(path, 'utf8')
    if (isPointerText(text)) throw refused(path, pointerProblem)
    return text
  } catch (error) {
    if (error instanceof SheikhError) throw error
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw refused(path, messageOf(error), {}, error)
  }
}

const refused = (path: string, fact: string, facts: Readonly<Record<string, unknown>> = {}, cause?: unknown) =>
  new SheikhError(
    'dataset-invalid',
    `Cannot read the evaluation set ${JSON.stringify(path)}: ${fact}. Restore it from Git.`,
    {
      facts: { path, ...facts },
      ...(cause === undefined ? {} : { cause }),
    },
  )
