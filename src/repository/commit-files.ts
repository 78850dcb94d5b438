import { join } from 'node:path'
import type { FileTree } from '../dataset/index.js'
import type { BlobReader, Git, TreeEntry } from './git/index.js'

export interface CommitFilesPlace {
  readonly commit: string
  /** Below the repository's root. */
  readonly folder: string
  readonly blobs: BlobReader
}

/**
 * The files below a folder of a commit, to be read without writing them.
 *
 * @returns `undefined` if a checkout may have other files: there is a submodule, or an attribute converts files.
 */
export async function commitFiles(
  git: Git,
  { commit, folder, blobs }: CommitFilesPlace,
): Promise<FileTree | undefined> {
  const files = await git.treeFiles(commit, [folder, ...attributesFor(folder)])
  const special: TreeEntry[] = []
  files.visit((path, oid, mode) => {
    if (mode === '160000' || isAttributes(path)) special.push({ path, oid, mode })
  })
  if (special.some(isSubmodule) || (await mayConvert(git, special, withoutLfs))) return undefined
  const start = folder.length + 1
  return {
    directory: join(git.root, folder),
    digests: new Map(),
    visit(take) {
      files.visit((path, oid, mode) => {
        if (path.startsWith(`${folder}/`)) take(path.slice(start), oid, mode === '120000' ? 'link' : 'file')
      })
    },
    read: (id, take) => blobs.read(id, take),
  }
}

export const isSubmodule = (entry: TreeEntry | undefined): boolean => entry?.mode === '160000'
export const isAttributes = (path: string): boolean => path === '.gitattributes' || path.endsWith('/.gitattributes')

/** The paths above a folder that a file of attributes may have. */
export function attributesFor(folder: string): readonly string[] {
  const names = folder.split('/')
  return names.map((_, index) => [...names.slice(0, index), '.gitattributes'].join('/'))
}

/** Attributes by which a checkout may give the same blob another content (gitattributes(5)). */
const converting = /filter|ident|working-tree-encoding|\[attr\]|eol|crlf/

/** Pointers of Git LFS are read as pointers. `eol=lf` converts nothing in a checkout. */
const withoutLfs = (attributes: string) => attributes.replaceAll(/(?<=\s)(filter=lfs|eol=lf)(?=\s|$)/g, '')

/**
 * Whether attributes may change what files of a commit are in a checkout.
 *
 * @param files those of the commit that apply; those outside the work tree are read too.
 * @param without what to ignore.
 */
export async function mayConvert(
  git: Git,
  files: readonly TreeEntry[],
  without = (attributes: string) => attributes,
): Promise<boolean> {
  const outside = await git.outsideAttributes()
  if (outside === undefined || outside.some((text) => converting.test(without(text)))) return true
  for (const { path, oid } of files)
    if (isAttributes(path) && converting.test(without(Buffer.from(await git.readBlob(oid)).toString('latin1'))))
      return true
  return false
}
