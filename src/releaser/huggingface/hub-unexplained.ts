import { isSheikhError, messageOf } from '../../core/index.js'
import type { Release, TagFormat, UnexplainedItem } from '../index.js'
import type { HubClient } from './hub-client.js'
import type { HubView } from './hub-releases.js'
import { verifyTree } from './hub-tree.js'

/**
 * Finds tags in our format without a release, and commits since the first release, on `main` or under a tag, whose files differ
 * from the release that they claim to be.
 */
export async function* unexplainedIn(
  client: HubClient,
  view: HubView,
  { tagOf, versionOf }: TagFormat,
): AsyncGenerator<UnexplainedItem> {
  const first = new Set<string>()
  for (const tag of view.refs.tags.keys()) {
    if (versionOf(tag) === undefined) continue
    const commit = view.refs.tags.get(tag)!
    const release = await view.releaseAt(commit)
    const fact = release === undefined ? 'it belongs to no release' : await differenceAt(client, commit, release)
    if (release !== undefined && fact === undefined && tag === tagOf(release.version)) first.add(commit)
    else yield { kind: 'tag', name: tag, fact: fact ?? `it points at the release ${release!.version}` }
  }
  // From the newest commit back to the first release. Earlier commits are not ours.
  const since: UnexplainedItem[] = []
  for await (const commit of view.refs.branches.has('main') ? client.commits('main') : []) {
    const release = await view.releaseAt(commit.id)
    const fact =
      release === undefined ? 'it contains no sheikh-release.json' : await differenceAt(client, commit.id, release)
    if (fact !== undefined) since.push({ kind: 'commit', name: commit.id, fact: `"${commit.title}": ${fact}` })
    if (!first.has(commit.id)) continue
    yield* since.splice(0)
  }
}

async function differenceAt(client: HubClient, commit: string, release: Release): Promise<string | undefined> {
  try {
    await verifyTree(client, commit, release.manifest)
    return undefined
  } catch (error) {
    if (isSheikhError(error, 'artifact-corrupt')) return messageOf(error)
    throw error
  }
}
