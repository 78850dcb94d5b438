import { setTimeout } from 'node:timers/promises'
import { type CallContext, isSheikhError, messageOf, SheikhError, seededRandom } from '../../core/index.js'
import { type Ledger, type LedgerChain, type LedgerEntry, nextLine, parseChain } from '../../gate/index.js'
import type { Git } from './git.js'
import { keepCopy } from './ledger-copy.js'
import { forgotten, lost, overtaken } from './ledger-errors.js'
import { ledgerCommit, ledgerPath, readLedgerFile, writeLedgerCommit } from './ledger-file.js'
import { localPlace } from './ledger-local.js'
import { readMending } from './ledger-mend.js'
import type { LedgerPlace, OnAuth } from './ledger-place.js'
import { seenRef } from './ledger-refs.js'
import { remotePlace } from './ledger-remote.js'
import { moveRefPastLocks } from './stale-lock.js'

export interface GitBranchLedgerOptions {
  /** @default 'sheikh-ledger' */
  readonly branch?: string | undefined
  /** The remote that keeps the branch; `false`: this clone does. @default 'origin' where Git's configuration has one, else `false` */
  readonly remote?: string | false | undefined
  /** The project's folder below the repository's root: several projects share the branch. @default '' */
  readonly prefix?: string | undefined
  /** Lines of a ledger that was kept elsewhere. Where the branch has none yet, it begins with them. */
  readonly earlier?: (() => Promise<readonly string[]>) | undefined
  /** Asked by servers over HTTP that want to know who it is. */
  readonly onAuth?: OnAuth | undefined
  /** Names a proxy for a remote over HTTP; Git's settings come first. @default none */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** How long a lock file of Git must stay unchanged before it counts as left by a killed program, in milliseconds. @default 30000 */
  readonly staleLockMs?: number | undefined
}

const mostAttempts = 20
/** So often the branch may refuse to move and nobody has moved it: then it is not another writer who is in the way. */
const mostRefusals = 5

interface State {
  /** Where the branch stands where it is kept. */
  readonly tip: string | undefined
  /** The commit whose file this is: the tip, or one of this clone that is not there yet. */
  readonly base: string | undefined
  readonly lines: readonly string[]
  readonly chain: LedgerChain
}

/**
 * A ledger in a file of its own branch, one commit an entry. It is never checked out: work tree, index and HEAD stay as
 * they are. Writers come after one another by compare-and-set, at the remote where there is one; what a clone has seen
 * once must still be there at every later look.
 */
export function gitBranchLedger(git: Git, options: GitBranchLedgerOptions = {}): Ledger {
  const { branch = 'sheikh-ledger', prefix = '', earlier, staleLockMs } = options
  const ref = `refs/heads/${branch}`
  const path = ledgerPath(prefix)
  let known: State | undefined

  return {
    name: 'git-branch',
    async read(context) {
      context.signal.throwIfAborted()
      return (await look(await open(), context, { isReading: true })).chain.entries
    },
    append,
  }

  async function append(...[event, context, find]: Parameters<Ledger['append']>): Promise<LedgerEntry> {
    context.signal.throwIfAborted()
    const kept = await open()
    // As it was seen last: where somebody moved the branch since, this move is refused, and it is looked at again.
    let state = known ?? (await look(kept, context))
    for (let [attempt, refusals] = [1, 0]; ; attempt += 1) {
      const found = find?.(state.chain.entries)
      if (found !== undefined) return found
      const { line, entry } = nextLine(event, state.chain, context.clock.nowMs())
      const lines = [...state.lines, line]
      const subject = `Ledger: ${event.type} ${'version' in event ? event.version : event.runId}`
      const content = await ledgerCommit(git, { parent: state.base, path, lines, subject }, context)
      const commit = await writeLedgerCommit(git, content)
      await keepCopy(git, commit, content)
      const { refusal, error } = await move(kept, commit, state.tip, context)
      if (refusal === undefined && error === undefined) {
        known = { tip: commit, base: commit, lines, chain: parseChain(lines) }
        await remember(kept, commit, context)
        return entry
      }
      const now = await look(kept, context)
      // An answer that was lost on its way back is a yes all the same.
      if (now.tip !== undefined && (await git.isDescendant(now.tip, commit))) return entry
      if (error !== undefined) throw error
      refusals = now.tip === state.tip ? refusals + 1 : 0
      if (refusals === mostRefusals) throw refusal
      if (attempt === mostAttempts) throw overtaken(kept.name, refusal)
      // By chance, so that writers who meet once do not meet again.
      await setTimeout(seededRandom(commit).below(50 * attempt), undefined, { signal: context.signal }).catch(() => {})
      context.signal.throwIfAborted()
      state = now
    }
  }

  async function open(): Promise<Kept> {
    const { remote = 'origin', onAuth, environment } = options
    if (remote === false) return { name: 'this clone', place: localPlace(git, ref, staleLockMs) }
    const place = await remotePlace(git, { remote, ref, onAuth, environment })
    if (place !== undefined) return { name: remote, place, tracking: `refs/remotes/${remote}/${branch}` }
    if (options.remote === undefined) return { name: 'this clone', place: localPlace(git, ref, staleLockMs) }
    throw new SheikhError(
      'invalid-config',
      `Cannot keep the ledger on "${remote}": Git has no remote with that name. Add it (git remote add ${remote} <url>), or correct ledger.remote in mlops/pipeline.yaml.`,
      { facts: { file: 'mlops/pipeline.yaml', remote } },
    )
  }

  function look(kept: Kept, context: CallContext, as: { readonly isReading?: boolean } = {}): Promise<State> {
    return readMending(git, { ...kept, ref, path }, context, () => lookOnce(kept, context, as))
  }

  /** Reads the branch, and checks that it holds all that was seen. */
  async function lookOnce(kept: Kept, context: CallContext, { isReading = false }): Promise<State> {
    // Before the tip is asked for: another writer of this clone may move both meanwhile.
    const seen = await git.readRef(seenRef)
    const tip = await kept.place.tip(context)
    let base = tip
    // A remote that never had the branch gets what this clone kept.
    if (tip === undefined && kept.tracking !== undefined && (await git.readRef(kept.tracking)) === undefined)
      base = await git.readRef(ref)
    if (seen !== undefined && (base === undefined || !(await git.isDescendant(base, seen))))
      throw lost(kept.name, ref, base, seen)
    if (known === undefined || known.base !== base) known = await stateOf(kept, tip, base, seen)
    else known = { ...known, tip }
    if (tip !== undefined)
      await remember(kept, tip, context).catch((error: unknown) => {
        // A folder that may only be read is read; whoever decides something there cannot write it down either.
        if (!isReading || !isSheikhError(error, 'storage-failed')) throw error
        context.log.warn(messageOf(error), { commit: tip })
      })
    return known
  }

  async function stateOf(
    kept: Kept,
    tip: string | undefined,
    base: string | undefined,
    seen: string | undefined,
  ): Promise<State> {
    const there = base === undefined ? undefined : await readLedgerFile(git, base, path)
    const lines = there ?? (await earlier?.()) ?? []
    const chain = parseChain(lines)
    if (seen !== undefined && seen !== base) {
      // A commit on top may have edited what the commits below it hold.
      const before = known?.base === seen ? known.lines : await readLedgerFile(git, seen, path)
      if (before?.some((line, index) => line !== lines[index])) throw lost(kept.name, ref, base, seen)
    }
    return { tip, base, lines, chain }
  }

  /**
   * Records the commit for the next look, and shows the branch in this clone.
   *
   * @throws as `Git.moveRef` if the commit cannot be recorded: a later look would not notice that the entry is gone.
   */
  async function remember(kept: Kept, oid: string, context: CallContext): Promise<void> {
    const follow = async (name: string): Promise<void> => {
      const at = await git.readRef(name)
      if (at === oid || (at !== undefined && !(await git.isDescendant(oid, at)))) return
      // False: another writer of this clone recorded a commit meanwhile.
      if (!(await moveRefPastLocks(git, { ref: name, next: oid, expected: at }, context, staleLockMs)))
        await follow(name)
    }
    try {
      await follow(seenRef)
    } catch (error) {
      context.signal.throwIfAborted()
      throw forgotten(oid, error)
    }
    if (kept.tracking === undefined) return
    const isCheckedOut = (await git.branch()) === ref
    // Only for people to look at: the ledger is kept at the remote.
    for (const name of [kept.tracking, ...(isCheckedOut ? [] : [ref])])
      await follow(name).catch((error: unknown) =>
        context.log.warn(`"${name}" is not updated: ${messageOf(error)}`, { commit: oid }),
      )
  }
}

async function move({ place }: Kept, next: string, expected: string | undefined, context: CallContext) {
  try {
    return { refusal: await place.move(next, expected, context) }
  } catch (error) {
    context.signal.throwIfAborted()
    return { error }
  }
}

interface Kept {
  /** For messages. */
  readonly name: string
  readonly place: LedgerPlace
  /** What Git remembers of the branch at a remote. */
  readonly tracking?: string
}
