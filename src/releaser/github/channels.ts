import { SheikhError } from '../../core/index.js'
import { isVersion, type Release, type Version } from '../index.js'
import type { GitHubApi } from './github-api.js'
import { type BranchFiles, readBranch, writeBranch } from './registry-branch.js'

export interface Channels {
  /** The version that a channel points at. */
  read(channel: string): Promise<Version | undefined>
  /** Compare-and-set. @throws `release-conflict`. */
  point(channel: string, version: Version, expected: Version | undefined): Promise<void>
  withdrawn(version: Version): Promise<Pick<Release, 'withdrawn'>>
  /** The first reason stays. */
  withdraw(version: Version, reason: string, atMs: number): Promise<void>
}

/** @param folder of the project on the branch, with a slash at its end. @param blobs what was read before, by its SHA-1. */
export async function openChannels(api: GitHubApi, folder: string, blobs: Map<string, string>): Promise<Channels> {
  const files = await readBranch(api, blobs)
  const channelPath = (name: string) => `${folder}channels/${name}.json`
  const withdrawalPath = (version: string) => `${folder}withdrawals/${version}.json`

  async function versionIn(from: BranchFiles, channel: string): Promise<Version | undefined> {
    const document = await from.read(channelPath(channel))
    if (document === undefined || isVersion(document['version'])) return document?.['version'] as Version | undefined
    throw corrupt(channelPath(channel), 'it names no version')
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
      // Another was faster, or it is our own write, whose answer was lost.
      const now = await versionIn(await readBranch(api, blobs), channel)
      if (now !== version) throw moved(channel, version, now)
    },

    async withdrawn(version) {
      const document = await files.read(withdrawalPath(version))
      if (document === undefined) return {}
      const { reason, atMs } = document
      if (typeof reason === 'string' && typeof atMs === 'number') return { withdrawn: { reason, atMs } }
      throw corrupt(withdrawalPath(version), 'it does not say why and when')
    },

    async withdraw(version, reason, atMs) {
      await writeBranch(
        api,
        withdrawalPath(version),
        { formatVersion: 1, version, reason, atMs },
        { seen: undefined, message: `Withdraw ${version}` },
      )
    },
  }
}

const moved = (channel: string, version: Version, current: Version | undefined) =>
  new SheikhError(
    'release-conflict',
    `Cannot point "${channel}" at ${version}: it points at ${current ?? 'nothing'}. Run again.`,
    { facts: { channel, version, current }, retryable: true },
  )
const corrupt = (path: string, fact: string) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot read "${path}" on the branch sheikh-registry: ${fact}. Revert the commit that changed it.`,
    { facts: { path } },
  )
