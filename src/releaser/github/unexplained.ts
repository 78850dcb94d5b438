import type { TagFormat, UnexplainedItem } from '../index.js'
import { documentName } from './asset-names.js'
import type { GitHubApi } from './github-api.js'
import { type Documents, listAssets, listReleases, partsOf, readDocument } from './releases.js'

/** Finds tags and GitHub releases in our format that are not releases, and assets that their release does not list. */
export async function* unexplainedIn(
  api: GitHubApi,
  { versionOf }: TagFormat,
  documents: Documents,
): AsyncGenerator<UnexplainedItem> {
  const explained = new Set<string>()
  for (const release of await listReleases(api)) {
    const { tag_name: tag, draft } = release
    if (draft || versionOf(tag) === undefined) continue
    const document = await readDocument(api, release, documents)
    explained.add(tag)
    if (document === undefined) {
      yield { kind: 'release', name: tag, fact: `it contains no ${documentName}` }
      continue
    }
    const named = new Set([documentName, ...partsOf(document).map(({ name }) => name)])
    for (const { name } of await listAssets(api, release))
      if (!named.has(name)) yield { kind: 'asset', name: `${tag}/${name}`, fact: 'the release does not list it' }
  }
  const refs = await api.all<{ readonly ref: string }>('list the tags', 'git/matching-refs/tags/')
  for (const { ref } of refs) {
    const tag = ref.replace('refs/tags/', '')
    if (versionOf(tag) !== undefined && !explained.has(tag))
      yield { kind: 'tag', name: tag, fact: 'it belongs to no release' }
  }
}
