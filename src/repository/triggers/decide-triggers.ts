import { posix } from 'node:path'
import { SheikhError } from '../../core/index.js'
import type { LedgerEntry } from '../../gate/index.js'
import { type DriftTrigger, plainCron, type TriggerAction, type TriggerConfiguration } from '../config/index.js'
import type { Git, TreeEntry } from '../git/index.js'
import { lastRunCommit } from './last-run-commit.js'
import { pathFilter } from './path-filter.js'

export interface TriggerOptions {
  /** The `cron` of a trigger, which then fires. @default none */
  readonly schedule?: string | undefined
  /** HEAD will be merged: the commit of the merge has another message, so `[skip train]` in this one does not count. @default false */
  readonly isUnmerged?: boolean | undefined
}

/** Whether the changes since the last run, or a schedule, ask for a run. Plain JSON. */
export interface TriggerDecision {
  readonly action: 'run' | 'none'
  /** Whether the run trains even if nothing changed: a trigger with the action `full_train` fired. */
  readonly retrain: boolean
  /** One or two sentences for a person. */
  readonly reason: string
  /** The commit of HEAD. Absent: the repository has no commits. */
  readonly commit?: string | undefined
  /** The commit that the last run took. Absent: not known, as `reason` says. */
  readonly since?: string | undefined
  /** How many commits HEAD has that `since` lacks. Absent with `since`. */
  readonly commits?: number | undefined
  /** The triggers that fired. */
  readonly triggers: readonly FiredTrigger[]
}

export interface FiredTrigger {
  /** As in `mlops/pipeline.yaml`; `default` if the file has no triggers. */
  readonly name: string
  readonly action: TriggerAction
  /** The schedule, if that made it fire. */
  readonly cron?: string | undefined
  /** The drift, if the schedule fires only with drift: one sentence. */
  readonly drift?: string | undefined
  /** Changed files that it names, relative to the project; at most 20. A renamed file counts with both names. */
  readonly paths: readonly string[]
  /** How many changed files it names. */
  readonly count: number
}

/** What a decision is made from. */
export interface TriggerFacts extends TriggerOptions {
  readonly git: Git
  /** The project's folder below the repository's root; empty if it is the root. */
  readonly prefix: string
  readonly triggers: readonly TriggerConfiguration[]
  /** What a run reads, relative to the repository's root: decides if there are no triggers. */
  readonly runPaths: readonly string[]
  readonly entries: readonly LedgerEntry[]
  /** Looks for drift for a trigger that asks for it. */
  readonly drift: (trigger: DriftTrigger) => Promise<DriftLook>
}

/** What a look for drift found. */
export interface DriftLook {
  readonly isFound: boolean
  /** One sentence for a person. */
  readonly summary: string
}

const mostPaths = 20
const skipPattern = /\[(skip train|train skip)\]/i

/** Compares HEAD with the commit of the last run. @throws `invalid-options` for a schedule that no trigger has. */
export async function decideTriggers(facts: TriggerFacts): Promise<TriggerDecision> {
  const { git, entries, schedule, isUnmerged = false } = facts
  const { fired: scheduled, unmet } = schedule === undefined ? nothing : await triggersAt(facts, schedule)
  const none = (reason: string, more: Partial<TriggerDecision> = {}): TriggerDecision => ({
    ...{ action: 'none', retrain: false, reason, triggers: [] },
    ...more,
  })
  const head = await git.head()
  if (head === undefined) return none('The repository has no commits.')
  const commit = head.oid
  const message = (await git.readCommit(commit))?.message ?? ''
  // A schedule is another time than that of the commit.
  if (schedule === undefined && !isUnmerged && skipPattern.test(message))
    return none('The message of the commit of HEAD skips training. A run of a later commit includes its changes.', {
      commit,
    })
  const last = await lastRunCommit(git, entries, commit)
  const since = 'commit' in last ? last.commit : undefined
  const changed = await changedPaths(git, since, commit)
  const fired = [...scheduled, ...firedBy(changed, facts)]
  const known = { commit, ...(since !== undefined && { since, commits: (await git.commitsSince(since)).count }) }
  const retrain = fired.some(({ action }) => action === 'full_train')
  if (fired.length > 0 || 'unknown' in last)
    return { action: 'run', retrain, reason: whyRun(fired, last, known.commits), ...known, triggers: fired }
  if (since === commit) return none([`The commit ${commit.slice(0, 10)} was run already.`, ...unmet].join(' '), known)
  const what = facts.triggers.length === 0 ? 'a file that a run reads' : 'a file that a trigger names'
  const changes = `${commitCount(known.commits)} since the last run (${since!.slice(0, 10)}), and none changes ${what}.`
  return none([changes, ...unmet].join(' '), known)
}

interface Scheduled {
  readonly fired: readonly FiredTrigger[]
  /** Why others with this schedule did not fire: one sentence each. */
  readonly unmet: readonly string[]
}

const nothing: Scheduled = { fired: [], unmet: [] }

async function triggersAt({ triggers, drift: look }: TriggerFacts, schedule: string): Promise<Scheduled> {
  const asked = plainCron(schedule)
  const found = triggers.filter(({ cron }) => cron === asked)
  const fired: FiredTrigger[] = []
  const unmet: string[] = []
  for (const { name, action, drift } of found) {
    const looked = drift && (await look(drift))
    if (looked?.isFound === false) unmet.push(`"${name}" does not fire: ${looked.summary}`)
    else fired.push({ name, action, cron: asked, ...(looked && { drift: looked.summary }), paths: [], count: 0 })
  }
  if (found.length > 0) return { fired, unmet }
  const known = [...new Set(triggers.flatMap(({ cron }) => (cron === undefined ? [] : [`"${cron}"`])))]
  throw new SheikhError(
    'invalid-options',
    `Cannot use the schedule "${schedule}": no trigger has it. ${known.length === 0 ? 'Give a trigger in mlops/pipeline.yaml this cron.' : `Use ${known.join(' or ')}, or give a trigger in mlops/pipeline.yaml this cron.`}`,
  )
}

function firedBy(changed: readonly string[], { prefix, triggers, runPaths }: TriggerFacts): readonly FiredTrigger[] {
  const relative = (path: string) => posix.relative(prefix, path)
  const isRead = (path: string) => runPaths.some((read) => path === read || path.startsWith(`${read}/`))
  const filters =
    triggers.length === 0
      ? [{ name: 'default', action: 'retrain' as const, selects: isRead }]
      : triggers.flatMap(({ name, action, paths }) => {
          if (paths === undefined) return []
          const filter = pathFilter(paths)
          return [{ name, action, selects: (path: string) => filter(relative(path)) }]
        })
  return filters.flatMap(({ name, action, selects }) => {
    const paths = changed.filter(selects).map(relative)
    return paths.length === 0 ? [] : [{ name, action, paths: paths.slice(0, mostPaths), count: paths.length }]
  })
}

/** Files that differ between two commits, of both sides; every file without `from`. */
async function changedPaths(git: Git, from: string | undefined, to: string): Promise<readonly string[]> {
  if (from === to) return []
  const [before, after] = [from === undefined ? new Map<string, TreeEntry>() : await git.tree(from), await git.tree(to)]
  const differs = (path: string) => {
    const [one, other] = [before.get(path), after.get(path)]
    return one?.oid !== other?.oid || one?.mode !== other?.mode
  }
  return [...new Set([...before.keys(), ...after.keys()])].filter(differs).sort()
}

const commitCount = (count = 0) => (count === 1 ? '1 commit' : `${count} commits`)

function whyRun(
  fired: readonly FiredTrigger[],
  last: Awaited<ReturnType<typeof lastRunCommit>>,
  commits: number | undefined,
): string {
  const causes = fired.map(({ name, cron, drift, count }) =>
    drift !== undefined
      ? `"${name}" by drift (${drift.replace(/\.$/, '')})`
      : cron !== undefined
        ? `"${name}" by its schedule`
        : `"${name}" by ${count === 1 ? '1 changed file' : `${count} changed files`}`,
  )
  if ('unknown' in last) return `${last.unknown} A run is needed, whatever changed.`
  return `${commitCount(commits)} since the last run (${last.commit.slice(0, 10)}). Triggered: ${causes.join(', ')}.`
}
