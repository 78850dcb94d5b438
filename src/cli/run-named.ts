import { SheikhError } from '../core/index.js'
import type { RunRecord } from '../pipeline/index.js'

/** The run with this id, or the run that made the release. @param act as in `report`, for the error. @throws `not-found`. */
export function runNamed(runs: readonly RunRecord[], name: string, act: string): RunRecord {
  const version = name.replace(/^v(?=\d)/, '')
  const released = runs.filter((run) => run.version === version)
  const record =
    runs.find(({ runId }) => runId === name) ??
    // An approval, or an import, of a version comes before a later run that found it up to date.
    released.find(({ verdict }) => verdict !== undefined) ??
    released.at(-1)
  if (record !== undefined) return record
  throw new SheikhError(
    'not-found',
    `Cannot ${act} "${name}": no run in this store has this id or released this version. List the runs with: sheikh runs`,
  )
}
