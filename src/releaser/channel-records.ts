import { type CallContext, SheikhError } from '../core/index.js'
import { checkedChannel } from './channel-name.js'
import { corruptRecord } from './registry-errors.js'
import { readDocument } from './release-records.js'
import type { ReleaseStorage } from './release-storage.js'
import type { Version } from './releaser.js'
import { isVersion } from './version.js'

/**
 * The channels in a storage. Each move of a channel creates a document with the next number exclusively. If two processes race
 * for a number, one fails. After a crash, the highest number is either the old or the new one.
 */
export function channelRecords(storage: ReleaseStorage) {
  /** The last move of each channel in a folder, in byte order, which is the numeric order of numbers of eight digits. */
  async function lastMoves(folder: string, context: CallContext): Promise<ReadonlyMap<string, string>> {
    const moves = (await storage.list(folder, context)).filter((name) => moveName.test(name))
    return new Map(moves.map((name) => [name.split('/')[1]!, name]))
  }

  async function versionIn(name: string, context: CallContext): Promise<Version> {
    const document = (await readDocument(storage, name, context)) as { readonly version?: unknown } | null | undefined
    if (isVersion(document?.version)) return document.version
    throw corruptRecord(storage.addressOf(name), 'it contains no version')
  }

  async function lastMove(channel: string, context: CallContext) {
    const name = (await lastMoves(`channels/${checkedChannel(channel)}`, context)).get(channel)
    if (name === undefined) return { number: 0 }
    return { number: Number(name.slice(-13, -5)), version: await versionIn(name, context) }
  }

  return {
    /** The version that a channel points at. */
    read: async (channel: string, context: CallContext): Promise<Version | undefined> =>
      (await lastMove(channel, context)).version,

    async all(context: CallContext): Promise<Readonly<Record<string, Version>>> {
      const found: Record<string, Version> = {}
      for (const [channel, name] of await lastMoves('channels', context))
        found[channel] = await versionIn(name, context)
      return found
    },

    /** Compare-and-set. @throws `release-conflict`. */
    async point(channel: string, version: Version, expected: Version | undefined, context: CallContext): Promise<void> {
      const { number, version: current } = await lastMove(channel, context)
      if (current === version) return
      const name = `channels/${channel}/${String(number + 1).padStart(8, '0')}.json`
      const document = `${JSON.stringify({ formatVersion: 1, version })}\n`
      if (current === expected && (await storage.createExclusively(name, document, context))) return
      const now = (await lastMove(channel, context)).version
      throw new SheikhError(
        'release-conflict',
        `Cannot point the channel "${channel}" at ${version}: it now points at ${now ?? 'no release'} instead of ${expected ?? 'no release'}. Run again.`,
        { facts: { channel, version, expected }, retryable: true },
      )
    },
  }
}

const moveName = /^channels\/[a-z0-9][a-z0-9-]*\/\d{8}\.json$/
