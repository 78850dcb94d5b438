import { type CallContext, SheikhError } from '../../core/index.js'
import type { Bucket } from '../../store/bucket/index.js'
import { isVersion, type Version } from '../index.js'
import { corrupt } from './bucket-records.js'

/** Channels in a bucket. Each move creates an object with the next number exclusively. */
export function bucketChannels(bucket: Bucket) {
  async function versionIn(key: string, context: CallContext): Promise<Version> {
    const bytes = await bucket.read(key, context)
    const version = bytes === undefined ? undefined : versionOf(new TextDecoder().decode(bytes))
    if (version === undefined) throw corrupt(key, 'it contains no version')
    return version
  }

  async function read(
    name: string,
    context: CallContext,
  ): Promise<{ readonly number: number; readonly version?: Version | undefined }> {
    let last: string | undefined
    // Listed in byte order, which is numeric order for numbers of eight digits.
    for await (const key of bucket.list(`channels/${name}/`, context)) if (moves.test(key)) last = key
    if (last === undefined) return { number: 0 }
    return { number: Number(last.slice(-13, -5)), version: await versionIn(last, context) }
  }

  return {
    read,

    async all(context: CallContext): Promise<Readonly<Record<string, Version>>> {
      const last = new Map<string, string>()
      for await (const key of bucket.list('channels/', context)) if (moves.test(key)) last.set(key.split('/')[1]!, key)
      const found: Record<string, Version> = {}
      for (const [name, key] of last) found[name] = await versionIn(key, context)
      return found
    },

    /** Compare-and-set. @throws `release-conflict`. */
    async point(name: string, version: Version, expected: Version | undefined, context: CallContext): Promise<void> {
      const { number, version: current } = await read(name, context)
      if (current === version) return
      const key = `channels/${name}/${String(number + 1).padStart(8, '0')}.json`
      const document = new TextEncoder().encode(`${JSON.stringify({ formatVersion: 1, version })}\n`)
      if (current === expected && (await bucket.create(key, document, context))) return
      throw new SheikhError(
        'release-conflict',
        `Cannot point the channel "${name}" at ${version}: it now points at ${(await read(name, context)).version ?? 'no release'} instead of ${expected ?? 'no release'}. Run again.`,
        { facts: { channel: name, version, expected }, retryable: true },
      )
    },
  }
}

const moves = /^channels\/[a-z0-9][a-z0-9-]*\/\d{8}\.json$/

function versionOf(text: string): Version | undefined {
  try {
    const { version } = JSON.parse(text) as { readonly version?: unknown }
    return isVersion(version) ? version : undefined
  } catch {
    return undefined
  }
}
