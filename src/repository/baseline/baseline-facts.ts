import type { Baseline } from './baseline-file.js'
import type { BaselinePlace } from './baseline-place.js'

/** What a comparison says about its baseline. JSON. */
export interface BaselineFacts extends Omit<Baseline, 'scores'> {
  readonly ageMs: number
  /** Commits of HEAD that are newer than the baseline's commit. In a shallow clone it is a lower bound. Absent if unknown. */
  readonly commitsAgo?: number | undefined
  /**
   * `complete`: `commitsAgo` is exact. `shallow`: the clone lacks older commits. `absent`: the baseline's commit is not
   * among the ancestors of HEAD, as after a rebase. `none`: the baseline names no commit.
   */
  readonly history: 'complete' | 'shallow' | 'absent' | 'none'
  /** Whether the work tree has another version of a baseline that was read from a commit. Absent: read from the work tree. */
  readonly changedHere?: boolean | undefined
  /** One sentence with all of this. */
  readonly description: string
}

export async function baselineFacts(
  { git, context }: BaselinePlace,
  { scores: _, ...baseline }: Baseline,
): Promise<BaselineFacts> {
  const { commit, acceptedAtMs } = baseline
  const ageMs = context.clock.nowMs() - acceptedAtMs
  const facts = { ...baseline, ageMs, ...(await placeInHistory(git, commit)) }
  return { ...facts, description: describe(facts) }
}

async function placeInHistory(
  git: BaselinePlace['git'],
  commit: string | undefined,
): Promise<Pick<BaselineFacts, 'commitsAgo' | 'history'>> {
  if (commit === undefined || git === undefined || (await git.head()) === undefined) return { history: 'none' }
  const { count, isAncestor } = await git.commitsSince(commit)
  if (isAncestor) return { commitsAgo: count, history: 'complete' }
  return git.isShallow() ? { commitsAgo: count, history: 'shallow' } : { history: 'absent' }
}

function describe(facts: Omit<BaselineFacts, 'description'>): string {
  const { name, acceptedAtMs, ageMs, commit, commitsAgo = 0, history, source } = facts
  const from = source === undefined ? '' : ` from ${source}`
  const commits = `${commitsAgo.toLocaleString('en')} commit${commitsAgo === 1 ? '' : 's'} ago`
  const where = {
    complete: `at commit ${commit?.slice(0, 7)}, ${commits}`,
    shallow: `at commit ${commit?.slice(0, 7)}, at least ${commits} (the clone is shallow)`,
    absent: `at commit ${commit?.slice(0, 7)}, which is not in the history of this branch`,
    none: 'without a commit',
  }[history]
  return `The baseline "${name}" was accepted${from} on ${new Date(acceptedAtMs).toISOString().slice(0, 10)}, ${ageText(ageMs)}, ${where}.`
}

export const dayMs = 24 * 60 * 60 * 1000

/** `9 days ago`. */
export function ageText(ageMs: number): string {
  const days = Math.floor(ageMs / dayMs)
  if (ageMs < -dayMs) return 'in the future'
  return days < 1 ? 'less than a day ago' : `${days.toLocaleString('en')} day${days === 1 ? '' : 's'} ago`
}
