import { readFile, stat } from 'node:fs/promises'
import {
  finite,
  flag,
  isSheikhError,
  list,
  messageOf,
  misfitOf,
  object,
  optional,
  type Shape,
  SheikhError,
  text,
  word,
} from '../core/index.js'
import type { DriftReport } from './drift.js'

/** A drift report and when it was made, in milliseconds since 1970. */
export interface DriftAtMoment {
  readonly report: DriftReport
  readonly atMs: number
}

const items = object({ items: finite, compared: finite })

const driftReport: Shape<DriftReport> = object({
  ...{ status: word('found', 'none', 'not-enough-data'), summary: text, reference: items, live: items },
  ...{ level: finite, look: optional(finite), minimumEffect: finite },
  tests: list(
    object({
      ...{ part: text, aspect: word('categories', 'numbers', 'words', 'length', 'unseen-words'), effect: finite },
      ...{ pValue: finite, adjusted: finite, isFound: flag },
      changes: optional(list(object({ value: text, reference: finite, live: finite }))),
    }),
  ),
  skipped: list(object({ part: text, reason: text })),
})

const maximumBytes = 16 * 2 ** 20

/**
 * Reads a drift report from a JSON file, such as `sheikh drift --out drift.json` writes. The time is that of the file.
 *
 * @throws `not-found` if the file cannot be read; `invalid-options` if it is no report, or larger than 16 MiB.
 */
export async function readDriftReport(path: string): Promise<DriftAtMoment> {
  const { content, atMs } = await contentOf(path).catch((error: unknown) => {
    if (isSheikhError(error)) throw error
    throw new SheikhError(
      'not-found',
      `Cannot read the drift report ${JSON.stringify(path)} (${messageOf(error)}). Write it again, or name another file.`,
    )
  })
  const report = parsed(content)
  const misfit = misfitOf(driftReport, report, 'report')
  if (misfit !== undefined) throw noReport(path, `its "${misfit}" is missing or invalid`)
  return { report: report as DriftReport, atMs }
}

async function contentOf(path: string): Promise<{ readonly content: string; readonly atMs: number }> {
  const found = await stat(path)
  if (!found.isFile()) throw noReport(path, 'it is not a file')
  if (found.size > maximumBytes) throw noReport(path, `it has ${found.size} bytes, and the maximum is ${maximumBytes}`)
  return { content: await readFile(path, 'utf8'), atMs: found.mtimeMs }
}

function parsed(content: string): unknown {
  try {
    return JSON.parse(content)
  } catch {
    return undefined
  }
}

const noReport = (path: string, fact: string) =>
  new SheikhError(
    'invalid-options',
    `Cannot read the drift report ${JSON.stringify(path)}: ${fact}. Write it again: sheikh drift --out drift.json`,
  )
