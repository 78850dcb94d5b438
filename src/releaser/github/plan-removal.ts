import { SheikhError } from '../../core/index.js'
import type { GitHubApi, ReleaseJson } from './github-api.js'
import type { ReleaseDocument } from './release-document.js'
import { findPublished, listAssets, partsOf } from './releases.js'

/** A release or a draft, and its document. */
export interface Found {
  readonly release: ReleaseJson
  readonly document: ReleaseDocument
}

/**
 * Finds the assets that only this release needs: its own, and those of earlier releases that it references. The document remains.
 *
 * @returns a function that deletes them; safe to repeat.
 * @throws `release-rejected` if GitHub does not allow their deletion.
 */
export async function planRemoval(
  api: GitHubApi,
  removed: Found,
  others: readonly Found[],
): Promise<() => Promise<void>> {
  const needed = new Set(others.flatMap(assetKeys))
  const own = removed.release.tag_name
  const names = new Map<string, Set<string>>()
  for (const { tag = own, name } of partsOf(removed.document))
    if (!needed.has(`${tag} ${name}`)) names.set(tag, (names.get(tag) ?? new Set()).add(name))
  const owners: ReleaseJson[] = []
  for (const tag of names.keys()) {
    const owner = tag === own ? removed.release : await findPublished(api, tag)
    if (owner !== undefined) owners.push(owner)
  }
  const fixed = owners.find(({ immutable }) => immutable === true)
  if (fixed !== undefined)
    throw new SheikhError(
      'release-rejected',
      `Cannot remove the files of ${removed.document.pending.version}: the release ${fixed.tag_name} is immutable, so GitHub keeps its assets. Keep the release, or delete it by hand.`,
      { facts: { version: removed.document.pending.version, tag: fixed.tag_name } },
    )
  return async () => {
    for (const owner of owners)
      for (const { id, name } of await listAssets(api, owner))
        if (names.get(owner.tag_name)!.has(name))
          await api.call(`delete the asset ${name}`, 'DELETE', `releases/assets/${id}`, { allow: [404] })
  }
}

const assetKeys = ({ release, document }: Found): readonly string[] =>
  partsOf(document).map(({ tag = release.tag_name, name }) => `${tag} ${name}`)
