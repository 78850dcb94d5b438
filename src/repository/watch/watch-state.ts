import { finite, fits, flag, object, recordOf, text, toJson, word } from '../../core/index.js'
import type { DocumentStore } from '../../store/index.js'
import { isDueBetween } from '../config/index.js'

/** What a watcher remembers when it is stopped or killed. A lost one costs a decision that finds nothing to do. */
export interface WatchState {
  readonly formatVersion: 1
  /** The commit that was run last; empty before the first run. */
  readonly commit: string
  /** Failures of this commit that were safe to repeat. */
  readonly attempts: number
  /** The run of the commit is not repeated. */
  readonly isSettled: boolean
  /** Until when each schedule is done. */
  readonly schedules: Readonly<Record<string, number>>
}

const shape = object({
  formatVersion: word(1),
  commit: text,
  attempts: finite,
  isSettled: flag,
  schedules: recordOf(finite),
})
const name = 'watch'
const none: WatchState = { formatVersion: 1, commit: '', attempts: 0, isSettled: false, schedules: {} }

export async function readWatchState(documents: DocumentStore): Promise<WatchState> {
  const state = await documents.read(name)
  return fits(shape, state) ? state : none
}

export const writeWatchState = (documents: DocumentStore, state: WatchState): Promise<void> =>
  documents.write(name, toJson(state))

// A clock that was set back by less is waited for, so that no time fires twice.
const largestStepBackMs = 3_600_000

/**
 * The schedules of which a time has passed, however many, since they were done. A schedule that is new here, or that a wrong
 * clock took far ahead, counts from now.
 */
export function dueSchedules(
  crons: readonly string[],
  done: WatchState['schedules'],
  nowMs: number,
): { readonly due: readonly string[]; readonly schedules: WatchState['schedules'] } {
  const due: string[] = []
  const schedules: Record<string, number> = {}
  for (const cron of crons) {
    const lastMs = Object.hasOwn(done, cron) ? done[cron]! : nowMs
    schedules[cron] = lastMs - nowMs > largestStepBackMs ? nowMs : lastMs
    if (isDueBetween(cron, schedules[cron], nowMs)) due.push(cron)
  }
  return { due, schedules }
}
