import { realpath } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { env } from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { type CallContext, type Clock, callContext, SheikhError } from '../../core/index.js'
import { directoryStore } from '../../store/directory/index.js'
import { loadConfiguration } from '../config/index.js'
import { belowRoot, type EnvironmentVariables, openGit } from '../git/index.js'
import { storePath } from '../layout.js'
import { startChildRun } from './child-run.js'
import { branchFollower } from './follow-branch.js'
import { type RunReport, readRunReport } from './run-report.js'
import type { Blocked, WatchEvent, WatchEventBody } from './watch-event.js'
import { dueSchedules, readWatchState, type WatchState, writeWatchState } from './watch-state.js'

export interface WatchOptions {
  /** The branch of the remote to follow. @default the upstream of the branch that is checked out */
  readonly branch?: string | undefined
  /** The time between two fetches, 100 to 86 400 000 ms. @default 60_000 */
  readonly intervalMs?: number | undefined
  /** Fetches once, runs if a run is needed, and ends. @default false */
  readonly once?: boolean | undefined
  /** The command line that runs: a program and its first arguments. @default `sheikh` of this package */
  readonly program?: readonly string[] | undefined
  /** Of the runs and of Git. @default the process's */
  readonly environment?: EnvironmentVariables | undefined
  /** Stops the watcher; a run that is active is aborted and keeps its checkpoint. */
  readonly signal?: AbortSignal | undefined
  readonly clock?: Clock | undefined
}

const [leastIntervalMs, mostIntervalMs] = [100, 86_400_000]
// A remote that is gone, and a run that failed by a fault of the infrastructure, are tried again after 1, 2, 4, … intervals.
const mostDelayMs = 900_000
const mostAttempts = 5

/**
 * Follows a branch of a remote: fetches it at an interval, fast-forwards the checkout, and runs what the triggers and schedules
 * of `mlops/pipeline.yaml` ask for. Never pushes to the branch and never resets the checkout. Yields what happens, until the
 * signal is aborted; the last event is `stopped`.
 *
 * Each run is a process of its own: a new `sheikh.config.ts` takes effect, and a run's memory is free afterwards. Several pushes
 * become one run. A run that failed is repeated only for a new commit, a schedule, or up to 5 times if that is safe.
 *
 * @example
 * for await (const event of watchProject('.', { signal })) if (event.type === 'run-end') console.log(event.status)
 *
 * @throws `invalid-options`; `repository-invalid` without the program `git`, a remote or a branch.
 */
export async function* watchProject(
  directory: string,
  { branch, intervalMs = 60_000, once = false, program, environment = env, signal, clock }: WatchOptions = {},
): AsyncGenerator<WatchEvent, void, void> {
  if (!(intervalMs >= leastIntervalMs && intervalMs <= mostIntervalMs))
    throw new SheikhError(
      'invalid-options',
      `Cannot watch at an interval of ${intervalMs / 1000} s. Choose one from ${leastIntervalMs / 1000} s to ${mostIntervalMs / 1000} s.`,
    )
  const context = callContext({ signal, clock })
  const at = (body: WatchEventBody) => ({ ...body, atMs: context.clock.nowMs() }) as WatchEvent
  const git = await openGit(directory, context)
  const root = await realpath(directory)
  const { documents } = directoryStore(join(root, storePath))
  const project = belowRoot(git, root)
  const follower = await branchFollower(git, project, { branch, environment }, context)
  const command = program ?? ownProgram()
  yield at({ type: 'watching', project, remote: follower.remote, branch: follower.branch, intervalMs })

  let blocked: Blocked | undefined
  /** The obstacle was told by the last run: only another run shows whether it is gone. */
  let isOfRun = false
  let faults = 0
  let exitCode = 0
  /** Reports an obstacle once, and its end. */
  function* noteObstacle(found: Blocked | undefined): Generator<WatchEvent> {
    if (blocked !== undefined && blocked.obstacle !== found?.obstacle)
      yield at({ type: 'unblocked', obstacle: blocked.obstacle })
    if (found !== undefined && (found.obstacle !== blocked?.obstacle || isNews(found, blocked)))
      yield at({ type: 'blocked', ...found })
    blocked = found
  }

  while (!context.signal.aborted) {
    let waitMs = intervalMs
    try {
      const followed = await follower.follow(context)
      if ('obstacle' in followed) {
        yield* noteObstacle(followed)
        isOfRun = false
        faults = followed.obstacle === 'remote' ? faults + 1 : 0
        waitMs = delayMs(intervalMs, faults)
        exitCode = exitCodes[followed.obstacle]
      } else {
        faults = 0
        if (!isOfRun) yield* noteObstacle(undefined)
        const { commit, update } = followed
        if (update !== undefined) yield at({ type: 'updated', commit, ...update })
        const ran = yield* runIfNeeded(commit)
        yield* noteObstacle(ran.blocked)
        isOfRun = ran.blocked !== undefined
        exitCode = ran.exitCode
        waitMs = ran.waitMs
      }
    } catch (error) {
      if (!context.signal.aborted) throw error
    }
    if (once) break
    await sleep(waitMs, undefined, { signal: context.signal }).catch(() => {})
  }
  yield at({ type: 'stopped', exitCode: !once ? 0 : context.signal.aborted ? 130 : exitCode })

  async function* runIfNeeded(
    commit: string,
  ): AsyncGenerator<
    WatchEvent,
    { readonly blocked?: Blocked | undefined; readonly exitCode: number; readonly waitMs: number }
  > {
    const state = await readWatchState(documents)
    const triggers = await triggersOf(root, context)
    const nowMs = context.clock.nowMs()
    const crons = [...new Set(triggers.flatMap(({ cron }) => cron ?? []))]
    const { due, schedules } = dueSchedules(crons, state.schedules, nowMs)
    const isDone = state.commit === commit && state.isSettled
    if (isDone && due.length === 0) {
      await remember(documents, state, { ...state, schedules })
      return { exitCode: 0, waitMs: intervalMs }
    }
    // One run does for all schedules that are due, if it trains when one of them asks for that.
    const schedule =
      triggers.find(({ cron, action }) => action === 'full_train' && due.includes(cron ?? ''))?.cron ?? due[0]
    const attempts = state.commit === commit && !state.isSettled ? state.attempts : 0
    const cause = { commit, ...(schedule !== undefined && { schedule }) }
    // While the checkout stays unusable, each attempt is the same as the one before.
    const isNew = blocked === undefined
    if (isNew) yield at({ type: 'run-start', ...cause, attempt: attempts + 1 })
    const startedMs = performance.now()
    const parameters = ['run', '--if-triggered', '--json', ...(schedule === undefined ? [] : ['--schedule', schedule])]
    const run = startChildRun([...command, ...parameters], root, environment, context.signal)
    try {
      for await (const line of run.lines) if (isNew && line !== '') yield at({ type: 'run-output', line })
    } finally {
      run.stop()
    }
    const report = readRunReport(await run.ended)
    const isStopped = context.signal.aborted
    const end = (more: { readonly retryInMs?: number; readonly status?: string } = {}) => {
      const { exitCode: _, kind: __, paths: ___, ...told } = report
      const durationMs = Math.round(performance.now() - startedMs)
      return at({ type: 'run-end', ...cause, exitCode: report.exitCode, ...told, durationMs, ...more })
    }
    if (isStopped) {
      yield end({ status: 'stopped' })
      return { exitCode: 0, waitMs: 0 }
    }
    const obstacle = obstacleOf(report)
    if (obstacle !== undefined) {
      await remember(documents, state, { ...state, schedules })
      return { blocked: obstacle, exitCode: report.exitCode ?? 1, waitMs: intervalMs }
    }
    yield* noteObstacle(undefined)
    const failures = attempts + 1
    if (report.kind === 'retryable' && failures < mostAttempts) {
      await remember(documents, state, { ...state, commit, attempts: failures, isSettled: false, schedules })
      const retryInMs = delayMs(intervalMs, failures)
      yield end({ retryInMs })
      return { exitCode: report.exitCode ?? 4, waitMs: retryInMs }
    }
    const done = Object.fromEntries(due.map((cron) => [cron, nowMs]))
    await remember(documents, state, {
      ...state,
      ...{ commit, attempts: 0, isSettled: true, schedules: { ...schedules, ...done } },
    })
    yield end()
    // Commits may have arrived during the run.
    return { exitCode: report.exitCode ?? 1, waitMs: 0 }
  }
}

const exitCodes = { remote: 4, locked: 5, diverged: 1, checkout: 1 } as const

const delayMs = (intervalMs: number, failures: number) =>
  Math.max(intervalMs, Math.min(mostDelayMs, intervalMs * 2 ** Math.max(0, failures - 1)))

/** A remote gives another reason each time; other obstacles are told again if they change. */
const isNews = (found: Blocked, before: Blocked) => found.obstacle !== 'remote' && found.message !== before.message

/** What keeps the run from starting, and is not about the commit. */
function obstacleOf({ kind, message, paths }: RunReport): Blocked | undefined {
  if (kind === 'locked') return { obstacle: 'locked', message }
  return kind === 'dirty' ? { obstacle: 'checkout', message, paths } : undefined
}

async function remember(
  documents: Parameters<typeof writeWatchState>[0],
  before: WatchState,
  after: WatchState,
): Promise<void> {
  if (JSON.stringify(before) !== JSON.stringify(after)) await writeWatchState(documents, after)
}

/** A configuration that cannot be read has no schedules; the run reports what is wrong with it. */
async function triggersOf(root: string, context: CallContext) {
  try {
    return (await loadConfiguration(root, context)).triggers
  } catch {
    context.signal.throwIfAborted()
    return []
  }
}

/** The command line of this package. */
function ownProgram(): readonly string[] {
  const require = createRequire(import.meta.url)
  const manifest = require.resolve('sheikh-freemium/package.json')
  const { bin } = require(manifest) as { readonly bin: { readonly sheikh: string } }
  return [process.execPath, join(dirname(manifest), bin.sheikh)]
}
