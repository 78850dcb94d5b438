import { readFile } from 'node:fs/promises'
import { env } from 'node:process'

/** In GitHub Actions, for a merge queue: the commit that its group starts from. `undefined` for other events. */
export async function mergeQueueBase(): Promise<string | undefined> {
  const event = await readFile(env['GITHUB_EVENT_PATH'] ?? '', 'utf8').then(JSON.parse, () => undefined)
  const base: unknown = event?.merge_group?.base_sha
  return typeof base === 'string' ? base : undefined
}
