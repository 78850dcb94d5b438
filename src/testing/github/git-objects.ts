import { hash } from 'node:crypto'

/** What Git keeps, by the SHA-1 that Git itself gives it. */
export type GitObject =
  | { readonly type: 'blob'; readonly bytes: Uint8Array }
  | { readonly type: 'tree'; readonly entries: readonly GitTreeEntry[] }
  | {
      readonly type: 'commit'
      readonly tree: string
      readonly parents: readonly string[]
      readonly message: string
      readonly atMs: number
    }
  | {
      readonly type: 'tag'
      readonly object: string
      readonly name: string
      readonly message: string
      readonly atMs: number
    }

export interface GitTreeEntry {
  readonly mode: '100644' | '100755' | '120000' | '040000'
  readonly name: string
  readonly sha: string
}

export type GitObjects = Map<string, GitObject>

/** Keeps an object. @returns its SHA-1. */
export function keep(objects: GitObjects, object: GitObject): string {
  const bytes = encoded(object)
  const sha = hash('sha1', Buffer.concat([Buffer.from(`${object.type} ${bytes.length}\0`), bytes]), 'hex')
  objects.set(sha, object)
  return sha
}

/** The files of a tree: the blob's SHA-1 by path. */
export function readTree(objects: GitObjects, sha: string, below = ''): Map<string, string> {
  const files = new Map<string, string>()
  const tree = objects.get(sha)
  for (const entry of tree?.type === 'tree' ? tree.entries : []) {
    if (entry.mode !== '040000') files.set(below + entry.name, entry.sha)
    else for (const [path, blob] of readTree(objects, entry.sha, `${below}${entry.name}/`)) files.set(path, blob)
  }
  return files
}

/** Keeps the trees of these files. @returns the root's SHA-1. */
export function writeTree(objects: GitObjects, files: ReadonlyMap<string, string>): string {
  const folders = new Map<string, Map<string, string>>()
  const entries: GitTreeEntry[] = []
  for (const [path, sha] of files) {
    const slash = path.indexOf('/')
    if (slash < 0) entries.push({ mode: '100644', name: path, sha })
    else {
      const folder = folders.get(path.slice(0, slash)) ?? new Map<string, string>()
      folders.set(path.slice(0, slash), folder.set(path.slice(slash + 1), sha))
    }
  }
  for (const [name, below] of folders) entries.push({ mode: '040000', name, sha: writeTree(objects, below) })
  // Git sorts a folder as if its name ended in a slash.
  const key = ({ mode, name }: GitTreeEntry) => (mode === '040000' ? `${name}/` : name)
  return keep(objects, { type: 'tree', entries: entries.sort((one, other) => (key(one) < key(other) ? -1 : 1)) })
}

function encoded(object: GitObject): Uint8Array {
  if (object.type === 'blob') return object.bytes
  if (object.type === 'tree')
    return Buffer.concat(
      object.entries.map(({ mode, name, sha }) =>
        Buffer.concat([Buffer.from(`${mode.replace(/^0/, '')} ${name}\0`), Buffer.from(sha, 'hex')]),
      ),
    )
  const person = `loopback <loopback@localhost> ${Math.floor(object.atMs / 1000)} +0000`
  if (object.type === 'tag')
    return Buffer.from(
      `object ${object.object}\ntype commit\ntag ${object.name}\ntagger ${person}\n\n${object.message}\n`,
    )
  const parents = object.parents.map((parent) => `parent ${parent}\n`).join('')
  return Buffer.from(`tree ${object.tree}\n${parents}author ${person}\ncommitter ${person}\n\n${object.message}\n`)
}
