import { join } from 'node:path'
import { type CallContext, type ErrorCode, isSheikhError, SheikhError } from '../../core/index.js'
import type { Ledger, LedgerEntry } from '../../gate/index.js'
import { checkAnchor } from '../../pipeline/index.js'
import type { Release, Releaser, Version } from '../../releaser/index.js'
import { type ProjectTrust, readTrust } from '../attestation.js'
import type { Composition } from '../compose.js'
import type { Git } from '../git/index.js'
import { trustedKeysPath } from '../layout.js'
import { type ProjectPlace, projectLedger } from '../project-pipeline.js'
import { storeVariable } from '../project-store.js'

/** A project whose past is read. Nothing is changed. */
export interface AuditProject {
  readonly git: Git
  /** The project's folder. */
  readonly root: string
  /** The same below the repository's root; empty if it is the root. */
  readonly project: string
  /** As `Surroundings.shared`. */
  readonly shared: string
  /** The address of a bucket that is the store of several machines. */
  readonly bucket: string | undefined
  readonly context: CallContext
  readonly composition: Composition
  readonly ledger: Ledger
  readonly trust: () => Promise<ProjectTrust | undefined>
}

export function auditProject(place: ProjectPlace, composition: Composition): AuditProject {
  const { git, prefix, surroundings, context } = place
  const bucket = surroundings.environment[storeVariable] || undefined
  return {
    bucket,
    ...{ git, root: surroundings.root, project: prefix, shared: surroundings.shared, context, composition },
    ledger: projectLedger(place, composition.configuration),
    trust: () => readTrust(join(surroundings.root, trustedKeysPath)),
  }
}

/** A part of an audit that could not be read. The rest is complete. */
export interface AuditProblem {
  /** Such as `commits`, `ledger` or `dataset`. */
  readonly part: string
  readonly code: ErrorCode
  /** What is unknown, why, and the remedy. */
  readonly message: string
}

/** Collects what could not be read, so that the rest can be shown. */
export class Problems {
  readonly all: AuditProblem[] = []
  readonly #signal: AbortSignal

  constructor({ signal }: Pick<CallContext, 'signal'>) {
    this.#signal = signal
  }

  add(part: string, code: ErrorCode, message: string): void {
    if (!this.all.some((problem) => problem.part === part && problem.message === message))
      this.all.push({ part, code, message })
  }

  /** @returns `undefined` after an error, which becomes a problem. */
  async attempt<V>(part: string, work: () => Promise<V>): Promise<V | undefined> {
    try {
      return await work()
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!isSheikhError(error)) throw error
      this.add(part, error.code, error.message)
      return undefined
    }
  }
}

/** What the registries and the ledger know. */
export interface ReleaseRecords {
  /** Newest first. */
  readonly history: readonly Release[]
  readonly channels: Readonly<Record<string, Version>>
  /** Absent if it cannot be read or does not verify. */
  readonly ledger?: readonly LedgerEntry[] | undefined
}

/** Reads the releases, and verifies the ledger as `sheikh ledger verify` does. */
export async function readRecords(
  { composition, ledger, context }: AuditProject,
  problems: Problems,
): Promise<ReleaseRecords> {
  const { pipeline } = composition
  const history =
    pipeline === undefined ? await listed(await composition.releaser(), context) : await pipeline.history(context)
  const channels = await (pipeline ?? (await composition.releaser())).channels(context)
  const entries = await problems.attempt('ledger', async () => {
    if (pipeline !== undefined) return pipeline.ledger(context)
    const read = await ledger.read(context)
    checkAnchor(read, history)
    return read
  })
  return { history, channels, ...(entries !== undefined && { ledger: entries }) }
}

export async function listed(releaser: Releaser, context: CallContext): Promise<readonly Release[]> {
  const releases: Release[] = []
  for await (const release of releaser.history(context)) releases.push(release)
  return releases
}

/** The release that was trained: that of a rollback, restoration or republication is an earlier one. `undefined` if its record is gone. */
export function trainedRelease(release: Release, history: readonly Release[]): Release | undefined {
  const seen = new Set<Version>()
  let found: Release | undefined = release
  while (found?.record.restoredFrom !== undefined && !seen.has(found.version)) {
    const { version, record } = found as Release
    seen.add(version)
    found = history.find((one) => one.version === record.restoredFrom)
  }
  return found?.record.restoredFrom === undefined ? found : undefined
}

/** @param name a version or a channel. @throws `not-found`. */
export function releaseNamed(name: string, act: string, { history, channels }: ReleaseRecords): Release {
  const version = name.replace(/^v(?=\d)/, '')
  const wanted = Object.hasOwn(channels, name) ? channels[name] : version
  const found = history.find((release) => release.version === wanted)
  if (found !== undefined) return found
  throw new SheikhError(
    'not-found',
    history.length === 0
      ? `Cannot ${act} "${name}": nothing is released yet. Release a model: sheikh run`
      : `Cannot ${act} "${name}": there is no release or channel with this name. List the releases: sheikh history`,
    { facts: { name } },
  )
}

/** Why this clone lacks a commit that a release names. */
export const missingCommit = (git: Git, commit: string): string =>
  git.isShallow()
    ? `the commit ${commit} is not in this shallow clone. Fetch the rest: git fetch --unshallow`
    : `the commit ${commit} is not in this clone. It may have been rewritten. Fetch it if the server still has it: git fetch origin ${commit}`
