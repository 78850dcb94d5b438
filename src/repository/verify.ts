import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type CallContext, callContext, isSheikhError, type Manifest, plainPath, SheikhError } from '../core/index.js'
import type { LedgerEntry } from '../gate/index.js'
import {
  findUnexplained,
  isVersion,
  parsePending,
  type Release,
  type Releaser,
  type UnexplainedItem,
} from '../releaser/index.js'
import {
  type ReleaseCheck,
  releasesTouched,
  signatureFile,
  type TouchedRelease,
  verifyRelease,
  verifySignature,
} from '../releaser/signature/index.js'
import { readManifest, temporaryFolder } from '../store/index.js'
import { type ProjectTrust, readTrust } from './attestation.js'
import type { EnvironmentVariables } from './git/index.js'
import { hubRelease } from './hub-id.js'
import { trustedKeysPath } from './layout.js'
import type { OpenedProject, RepositoryOptions } from './opened-project.js'
import { projectLedger } from './project-pipeline.js'

export interface Verification {
  readonly version?: string | undefined
  readonly checks: readonly ReleaseCheck[]
  /** No check says no; and where keys are trusted, files and origin are signed by one of them. */
  readonly holds: boolean
  /** Releases that a revoked key signed. */
  readonly touched: readonly TouchedRelease[]
  /** What stands in the registries and no line of the ledger explains; absent: it was not looked for. */
  readonly unexplained?: readonly UnexplainedItem[] | undefined
}

/** What a release is held against. */
export interface Witnesses extends Partial<ProjectTrust> {
  readonly ledger?: readonly LedgerEntry[] | undefined
}

/** A release of a project, or a folder or repository beside it. @throws as `Repository.verify`. */
export async function verifyProject(
  project: OpenedProject,
  target: string | undefined,
  {
    keysPath = join(project.root, trustedKeysPath),
    remote = false,
  }: { readonly keysPath?: string | undefined; readonly remote?: boolean | undefined },
): Promise<Verification> {
  const { surroundings, context } = project
  const { configuration, releaser: registry } = await project.compose()
  const releaser = await registry()
  const ledger = await projectLedger(project, configuration).read(context)
  const witnesses = { ...(await readTrust(keysPath)), ledger }
  const within = { ...surroundings, channel: configuration.release.channel, releaser, witnesses }
  const verification = await verifyTarget(target, within, context)
  if (!remote) return verification
  const unexplained = await findUnexplained(releaser, ledger, context)
  return { ...verification, unexplained, holds: verification.holds && unexplained.length === 0 }
}

/** @throws `not-found`; `invalid-options` for what is no target. */
export async function verifyTarget(
  target: string | undefined,
  within: {
    /** What a folder's path is relative to. */
    readonly root: string
    readonly environment: EnvironmentVariables
    /** The project's. Absent: versions cannot be asked for. */
    readonly releaser?: Releaser | undefined
    readonly channel?: string | undefined
    readonly witnesses: Witnesses
  },
  context: CallContext,
): Promise<Verification> {
  const { root, environment, releaser, channel, witnesses } = within
  if (target?.startsWith('hf:')) {
    const hub = await hubRelease(target, environment)
    return verifyReleased(hub.releaser, { version: hub.version }, witnesses, context)
  }
  const isName = target === undefined || isVersion(target)
  if (!isName) return verifyFolder(resolve(root, plainPath(target, 'the folder of the release')), witnesses, context)
  if (releaser !== undefined) return verifyReleased(releaser, { version: target, channel }, witnesses, context)
  throw new SheikhError(
    'repository-invalid',
    `Cannot verify ${target ?? 'the current release'}: this folder is not a project. Name a folder with a release or hf:name/model@v1.2.0, or create a project: sheikh init`,
  )
}

/** The same outside of any project: by the keys in a file, and without a ledger. */
export async function verifyElsewhere(
  target: string | undefined,
  options: { readonly root: string; readonly keysPath?: string | undefined } & RepositoryOptions,
): Promise<Verification> {
  const { root, keysPath, environment = {}, ...parts } = options
  const witnesses = keysPath === undefined ? {} : ((await readTrust(keysPath)) ?? {})
  return verifyTarget(target, { root, environment, witnesses }, callContext(parts))
}

/** A release of a registry: fetched, every file hashed. */
async function verifyReleased(
  releaser: Releaser,
  { version, channel = 'latest' }: { readonly version?: string | undefined; readonly channel?: string | undefined },
  witnesses: Witnesses,
  context: CallContext,
): Promise<Verification> {
  const history: Release[] = []
  for await (const release of releaser.history(context)) history.push(release)
  const wanted = version ?? (await releaser.current(channel, context))?.version
  const release = history.find((one) => one.version === wanted)
  if (release === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot verify: there is no release ${version ?? `in the channel "${channel}"`}. List the releases with "sheikh history".`,
      { facts: { version, channel } },
    )
  const folder = await temporaryFolder('sheikh-verify-')
  try {
    const { manifest } = await releaser.open(release.version, join(folder, 'bundle'), context)
    return judge(release, manifest, witnesses, history)
  } catch (error) {
    if (!isSheikhError(error, 'artifact-corrupt')) throw error
    // What is not whole is an answer. The rest is asked of the files that it should have.
    const { checks, ...rest } = judge(release, release.manifest, witnesses, history)
    const [, ...others] = checks
    return { ...rest, holds: false, checks: [{ name: 'files', status: 'invalid', detail: error.message }, ...others] }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A release that somebody fetched: its files, with `sheikh-release.json` or at least `model.sig` among them. @throws `not-found`. */
async function verifyFolder(folder: string, witnesses: Witnesses, context: CallContext): Promise<Verification> {
  const manifest = await readManifest(folder, context, { followCacheLinks: true })
  const text = (name: string) =>
    manifest.files.some(({ path }) => path === name) ? readFile(join(folder, name), 'utf8') : undefined
  const document = await text('sheikh-release.json')
  if (document !== undefined) {
    const where = join(folder, 'sheikh-release.json')
    const value = parse(document, where) as Partial<Release> | null
    const pending = parsePending(value, where)
    const publishedAtMs = typeof value?.publishedAtMs === 'number' ? value.publishedAtMs : pending.record.atMs
    return judge({ ...pending, publishedAtMs }, manifest, witnesses, [])
  }
  const signature = await text(signatureFile)
  if (signature === undefined)
    throw new SheikhError(
      'not-found',
      `Cannot verify "${folder}": it contains neither sheikh-release.json nor ${signatureFile}. Download the release again, with all its files.`,
    )
  const { trustedKeys = [], sigstore } = witnesses
  const check = verifySignature(signature, { manifest, trustedKeys, sigstore, atMs: context.clock.nowMs() })
  const isValid = check.status === 'valid'
  const detail = isValid ? `by ${check.by}` : check.reason
  return {
    checks: [{ name: 'signature', status: isValid ? 'valid' : 'invalid', detail }],
    holds: isValid,
    touched: releasesTouched(trustedKeys, [{ version: folder, signature }], sigstore),
  }
}

/** Answers all questions about a release whose files are there. @param history further releases of the registry. */
export function judge(
  release: Release,
  manifest: Manifest,
  { trustedKeys = [], sigstore, ledger }: Witnesses,
  history: readonly Release[],
): Verification {
  const checks = verifyRelease(release, { manifest, trustedKeys, sigstore, ledger })
  const believesSomebody = trustedKeys.length > 0 || (sigstore?.identities.length ?? 0) > 0
  const isSigned = (name: ReleaseCheck['name']) =>
    checks.some((check) => check.name === name && check.status === 'valid')
  const signatures = [release, ...history.filter(({ version }) => version !== release.version)].flatMap(
    ({ version, record }) =>
      record.attestation === undefined ? [] : [{ version, signature: record.attestation.signature }],
  )
  return {
    version: release.version,
    checks,
    holds:
      checks.every(({ status }) => status !== 'invalid') &&
      (!believesSomebody || (isSigned('signature') && isSigned('provenance'))),
    touched: releasesTouched(trustedKeys, signatures, sigstore),
  }
}

/** @param doing the command, for the error. @throws `artifact-corrupt` if a check of the release fails. */
export function checkHolds(doing: string, { version, checks, holds }: Verification): void {
  if (holds) return
  const failed = checks.find(({ status }) => status === 'invalid')
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot ${doing} with ${version}: ${failed === undefined ? 'no trusted key signed it' : `its ${failed.name} is invalid (${failed.detail})`}. For all checks: sheikh verify ${version}`,
    { facts: { version, checks } },
  )
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new SheikhError('artifact-corrupt', `Cannot read "${where}": it is not JSON. Download it again.`, {
      cause: error,
    })
  }
}
