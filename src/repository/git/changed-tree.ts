import type { Git, TreeItem } from './git.js'

/**
 * Writes a tree with some files replaced, added or removed (`undefined`). A folder without files disappears.
 *
 * @param from a commit or a tree; `undefined`: an empty one.
 * @param files by their paths below the tree.
 * @returns the tree's id.
 */
export async function changedTree(
  git: Pick<Git, 'readTree' | 'writeTree'>,
  from: string | undefined,
  files: ReadonlyMap<string, TreeItem | undefined>,
): Promise<string> {
  return git.writeTree(await changedItems(git, from, files))
}

async function changedItems(
  git: Pick<Git, 'readTree' | 'writeTree'>,
  from: string | undefined,
  files: ReadonlyMap<string, TreeItem | undefined>,
): Promise<readonly TreeItem[]> {
  const items = new Map((from === undefined ? [] : await git.readTree(from)).map((item) => [item.path, item]))
  const below = new Map<string, Map<string, TreeItem | undefined>>()
  const here: TreeItem[] = []
  for (const [path, item] of files) {
    const [name, rest] = [path.split('/', 1)[0]!, path.slice(path.indexOf('/') + 1)]
    if (path.includes('/')) below.set(name, (below.get(name) ?? new Map()).set(rest, item))
    // A folder that took the place of a deleted file is written below.
    else if (item === undefined && items.get(name)?.type !== 'tree') items.delete(name)
    else if (item !== undefined) here.push({ ...item, path: name })
  }
  for (const [name, inside] of below) {
    const folder = items.get(name)
    const content = await changedItems(git, folder?.type === 'tree' ? folder.oid : undefined, inside)
    if (content.length > 0)
      items.set(name, { path: name, mode: '040000', type: 'tree', oid: await git.writeTree(content) })
    else if (folder?.type === 'tree') items.delete(name)
  }
  // A file that took the place of a folder comes last: what was deleted below it is gone by now.
  for (const item of here) items.set(item.path, item)
  return [...items.values()]
}
