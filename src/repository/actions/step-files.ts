import { randomUUID } from 'node:crypto'
import { appendFile, stat } from 'node:fs/promises'
import { withoutLinks } from '../../core/index.js'
import type { EnvironmentVariables } from '../git/index.js'
import { shortened } from './workflow-text.js'

/** Outputs of a step, and a part of the job summary. Does nothing outside GitHub Actions. */
export async function reportStep(
  outputs: Readonly<Record<string, string | number | undefined>>,
  /** Markdown. */
  summary: string,
  environment: EnvironmentVariables,
): Promise<void> {
  await appendSummary(environment['GITHUB_STEP_SUMMARY'], withoutLinks(summary))
  await appendOutputs(environment['GITHUB_OUTPUT'], outputs)
}

/** GitHub allows 1 MiB for all that a step writes. */
const longestSummaryBytes = 1_000_000

export async function appendSummary(path: string | undefined, text: string): Promise<void> {
  if (!path) return
  const used = (await stat(path).catch(() => undefined))?.size ?? 0
  await appendFile(path, `${shortened(text, longestSummaryBytes - used, 'The report is longer than GitHub shows.')}\n`)
}

/** A delimiter that no value can know, so that a value cannot write further outputs. */
export async function appendOutputs(
  path: string | undefined,
  outputs: Readonly<Record<string, string | number | undefined>>,
): Promise<void> {
  if (!path) return
  const lines = Object.entries(outputs).flatMap(([name, value]) => {
    if (value === undefined) return []
    const end = `end-${randomUUID()}`
    return [`${name}<<${end}`, String(value), end]
  })
  await appendFile(path, `${lines.join('\n')}\n`)
}
