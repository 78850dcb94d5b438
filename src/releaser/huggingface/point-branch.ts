import { SheikhError } from '../../core/index.js'
import { isVersion, notFound, type Version } from '../index.js'
import { branchOf, type HubCall, lookAndAct } from './hub-releases.js'
import { commitRelease } from './publish-release.js'

export interface Pointing {
  readonly channel: string
  readonly version: Version
  /** The version that it points at now. */
  readonly expected: Version | undefined
}

/** A channel is a branch. It is created at the release, or gets one commit that replaces its files with those of the release. */
export async function pointBranch(call: HubCall, pointing: Pointing): Promise<void> {
  const { client, look, tagOf } = call
  const { channel, version, expected } = pointing
  const branch = branchOf(channel)
  await lookAndAct(look, async (view) => {
    const release = isVersion(version) ? await view.releaseTagged(version) : undefined
    if (release === undefined) throw notFound(version)
    const there = (await view.releaseOn(branch))?.version
    if (there === version) return
    if (there !== expected) throw moved(pointing, there)
    const from = view.commitOf(version)!
    if (view.refs.branches.has(branch)) {
      await commitRelease(call, view, { branch, from, release, title: `Point ${channel} at ${tagOf(version)}` })
      return
    }
    if (await client.createBranch(branch, from)) return
    // Another writer created the branch, or we did and the response was lost.
    const now = (await (await look()).releaseOn(branch))?.version
    if (now !== version) throw moved(pointing, now)
  })
}

const moved = ({ channel, version, expected }: Pointing, there: Version | undefined) =>
  new SheikhError(
    'release-conflict',
    `Cannot point the channel "${channel}" at ${version}: it now points at ${there ?? 'no release'} instead of ${expected ?? 'no release'}. Run again.`,
    { facts: { channel, version, expected }, retryable: true },
  )
