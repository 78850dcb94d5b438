import { SheikhError } from '../../core/index.js'
import { isVersion, type Release, type Version } from '../index.js'
import type { GitHubApi } from './github-api.js'
import { type BranchFiles, readBranch, writeBranch } from './registry-branch.js'

export interface Channels {
  /** The version that a channel points at. */
  read(channel: string): Promise<Version | undefined>
  /** Compare-and-set. @throws `release-conflict`. */
  point(channel: string, version: Version, expected: Version | undefined): Promise<void>
  all(): Promise<Readonly<Record<string, Version>>>
  /** The withdrawal and removal of a release. */
  marks(version: Version): Promise<Pick<Release, 'withdrawn' | 'removedAtMs'>>
  /** Keeps the first reason. */
  withdraw(version: Version, reason: string, atMs: number): Promise<void>
  remove(version: Version, atMs: number): Promise<void>
}

/** @param folder the project's folder on the branch, ending in a slash. @param blobs files that were read before, by SHA-1. */
export async function openChannels(api: GitHubApi, folder: string, blobs: Map<string, string>): Promise<Channels> {
  const files = await readBranch(api, blobs)
  const channelPath = (name: string) => `${folder}channels/${name}.json`
  const withdrawalPath = (version: string) => `${folder}withdrawals/${version}.json`
  const removalPath = (version: string) => `${folder}removals/${version}.json`

  async function versionIn(from: BranchFiles, channel: string): Promise<Version | undefined> {
    const document = await from.read(channelPath(channel))
    if (document === undefined || isVersion(document['version'])) return document?.['version'] as Version | undefined
    throw corrupt(channelPath(channel), 'it contains no version')
  }

  return {
    read: (channel) => versionIn(files, channel),

    async point(channel, version, expected) {
      const current = await versionIn(files, channel)
      if (current === version) return
      if (current !== expected) throw moved(channel, version, current)
      const isWritten = await writeBranch(
        api,
        channelPath(channel),
        { formatVersion: 1, version },
        { seen: files.sha(channelPath(channel)), message: `Point "${channel}" at ${version}` },
      )
      if (isWritten) return
      // Another writer was faster, or our own write succeeded and its response was lost.
      const now = await versionIn(await readBranch(api, blobs), channel)
      if (now !== version) throw moved(channel, version, now)
    },

    async all() {
      const names = files.paths.flatMap((path) => {
        const name = path.startsWith(`${folder}channels/`) ? path.slice(`${folder}channels/`.length) : ''
        return /^[a-z0-9-]+\.json$/.test(name) ? [name.slice(0, -'.json'.length)] : []
      })
      const found: Record<string, Version> = {}
      for (const name of names) {
        const version = await versionIn(files, name)
        if (version !== undefined) found[name] = version
      }
      return found
    },

    async marks(version) {
      const [withdrawal, removal] = [await files.read(withdrawalPath(version)), await files.read(removalPath(version))]
      const { reason, atMs } = withdrawal ?? {}
      const { atMs: removedAtMs } = removal ?? {}
      if (withdrawal && !(typeof reason === 'string' && typeof atMs === 'number'))
        throw corrupt(withdrawalPath(version), 'it lacks the reason or the time')
      if (removal && typeof removedAtMs !== 'number') throw corrupt(removalPath(version), 'it has no time')
      return {
        ...(withdrawal && { withdrawn: { reason: reason as string, atMs: atMs as number } }),
        ...(removal && { removedAtMs: removedAtMs as number }),
      }
    },

    async withdraw(version, reason, atMs) {
      await writeBranch(
        api,
        withdrawalPath(version),
        { formatVersion: 1, version, reason, atMs },
        { seen: undefined, message: `Withdraw ${version}` },
      )
    },

    async remove(version, atMs) {
      await writeBranch(
        api,
        removalPath(version),
        { formatVersion: 1, version, atMs },
        { seen: undefined, message: `Remove the files of ${version}` },
      )
    },
  }
}

const moved = (channel: string, version: Version, current: Version | undefined) =>
  new SheikhError(
    'release-conflict',
    `Cannot point the channel "${channel}" at ${version}: it now points at ${current ?? 'no release'}. Run again.`,
    { facts: { channel, version, current }, retryable: true },
  )
const corrupt = (path: string, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read "${path}" on the branch sheikh-registry: ${fact}. Revert the commit that changed it.`,
    { facts: { path } },
  )
