import { existsSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type CallContext, SheikhError } from '../../../core/index.js'
import { temporaryFolder } from '../../../store/index.js'
import type { Changes, Commit, Git, Head, NewCommit, TreeChange, TreeEntry, TreeItem } from '../git.js'
import { identityIn } from '../identity.js'
import { outsideAttributes } from '../outside-attributes.js'
import { removeEntry } from '../remove-entry.js'
import { writtenPath } from '../written-path.js'
import { findAbsent, findChanges } from './changes.js'
import { folderContent, indexStamp } from './folder-content.js'
import {
  type EnvironmentVariables,
  factIn,
  findGit,
  type GitAnswer,
  type GitCall,
  type GitProgram,
  gitFailed,
  gitProgram,
} from './git-program.js'
import { nativeHistory } from './history.js'
import { commitContent, commitParts, readLoose, treeContent, treeItems, writeLoose } from './loose-files.js'
import { openBlobs } from './open-blobs.js'
import { readBlobs } from './read-blobs.js'
import { readSettings } from './read-settings.js'
import { branchInHead, refInFiles } from './ref-files.js'

/** The repository, or why git works on none here. */
export type Found = { readonly git: Git } | { readonly refusal: Refusal; readonly fact: string }

type Refusal = 'not-installed' | 'no-repository' | 'other-owner' | 'unusable'

/** The repository around a folder, by the program `git`. */
export async function nativeGit(
  program: string,
  directory: string,
  environment: EnvironmentVariables,
  context: CallContext,
): Promise<Found> {
  const { signal } = context
  const asked = ['rev-parse', '--show-toplevel', '--absolute-git-dir', '--git-common-dir', '--show-object-format']
  const [version, answer] = await Promise.all([
    findGit(program, environment, context),
    gitProgram(program, directory, environment, signal)
      .ask(asked)
      // The program may not be there.
      .catch(() => undefined),
  ])
  signal.throwIfAborted()
  if (version === undefined || answer === undefined) return { refusal: 'not-installed', fact: '' }
  if (answer.status !== 0) return { refusal: refusalOf(answer), fact: `git ${version} says: ${factIn(answer.errors)}` }
  const [root, own, common, format, ...others] = answer.output.toString().split('\n')
  if (!root || !own || !common || !/^sha(1|256)$/.test(format ?? '') || others.join('') !== '')
    return { refusal: 'unusable', fact: 'its path holds a line break' }
  const call = gitProgram(program, root, environment, signal, version)
  const place = { root, directory: own, commonDirectory: resolve(directory, common), format: format! }
  const submoduleAt = async (path: string) => {
    const found = await nativeGit(program, join(root, path), environment, context).catch(() => undefined)
    // Without a repository of its own, the folder belongs to this repository.
    return found !== undefined && 'git' in found && found.git.root === join(root, path) ? found.git : undefined
  }
  return { git: gitIn(call, { ...place, submoduleAt }, environment) }
}

function refusalOf({ errors }: GitAnswer): Refusal {
  if (/dubious ownership|unsafe repository/.test(errors)) return 'other-owner'
  return /not a git repository/i.test(errors) ? 'no-repository' : 'unusable'
}

interface Place {
  readonly root: string
  readonly directory: string
  readonly commonDirectory: string
  readonly format: string
  /** The repository of a submodule, if it is initialised. @param path below `root`. */
  readonly submoduleAt: (path: string) => Promise<Git | undefined>
}

/** What differs from HEAD, and the stamp of the index before it was compared. */
interface Compared {
  readonly stamp: string
  readonly changes: Changes
}

interface Comparison {
  readonly paths: readonly string[]
  readonly result: Promise<Compared>
}

function gitIn(program: GitProgram, { format, submoduleAt, ...place }: Place, environment: EnvironmentVariables): Git {
  const common = place.commonDirectory
  const oidBytes = format === 'sha256' ? 32 : 20
  const absent = '0'.repeat(2 * oidBytes)
  const lineOf = async (...parameters: readonly string[]) => (await program.run(parameters)).toString().trim()
  const updateIndex = async (parameters: readonly string[], paths: readonly string[], call: GitCall) => {
    if (paths.length === 0) return
    await program.run(['update-index', ...parameters, '-z', '--stdin'], { ...call, input: listed(paths) })
  }
  const stage = async ({ changed, deleted }: Pick<Changes, 'changed' | 'deleted'>, call: GitCall) => {
    // First what goes: a deleted path may lie below a changed one, and the other way round.
    await updateIndex(['--force-remove'], deleted, call)
    await updateIndex(['--add', '--remove', '--replace'], changed, call)
  }
  /** Calls `work` with an index of its own that holds the files of a commit, so that the repository's stays as it is. */
  const withIndexOf = async <R>(
    commit: string | undefined,
    signal: AbortSignal,
    work: (own: GitCall) => Promise<R>,
  ) => {
    const folder = await temporaryFolder('sheikh-index-')
    try {
      const own = { environment: { GIT_INDEX_FILE: join(folder, 'index') }, signal }
      if (commit !== undefined) await program.run(['read-tree', '--no-sparse-checkout', commit], own)
      return await work(own)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  const writeObject = async (type: 'blob' | 'tree' | 'commit', content: Uint8Array) => {
    // Such a repository keeps a second name of each object. git takes the setting from this file alone.
    const settings = await readFile(join(common, 'config'), 'utf8').catch(() => '')
    if (!/compatObjectFormat/i.test(settings)) return writeLoose(common, format, type, content)
    return (await program.run(['hash-object', '-w', '-t', type, '--stdin'], { input: content })).toString().trim()
  }

  /** @param known the files of attributes for the entries, if they were listed with them. */
  const writeOut = async (
    commit: string,
    entries: readonly TreeEntry[],
    known: readonly TreeEntry[] | undefined,
    directory: string,
    context: CallContext,
  ) => {
    const { signal } = context
    for (const { path, oid } of entries.filter(isSubmodule)) {
      const submodule = await submoduleAt(writtenPath(path))
      if (submodule === undefined || (await submodule.readCommit(oid)) === undefined)
        throw new SheikhError(
          'repository-invalid',
          `Cannot read the commit ${commit}: this clone lacks the commit ${oid} of the submodule "${path}". Fetch it: git submodule update --init, then git -C "${path}" fetch origin ${oid}`,
          { facts: { commit, path } },
        )
      await submodule.writeFiles(oid, [], join(directory, path), context)
    }
    const files = entries.filter((entry) => entry.mode !== '120000' && !isSubmodule(entry))
    if (files.length === 0) return
    const input = listed(files.map(({ path }) => writtenPath(path)))
    // Attributes of that commit apply.
    const paths = attributePaths(files)
    const whole = known === undefined && paths === undefined ? commit : undefined
    await withIndexOf(whole, signal, async (own) => {
      if (whole === undefined) {
        const items = [...files, ...(known ?? (await git.tree(commit, paths)).values())]
        const info = items.map(({ mode, oid, path }) => `${mode} ${oid}\t${path}\0`).join('')
        await program.run(['update-index', '-z', '--index-info'], { ...own, input: info })
      }
      await program.run(['checkout-index', '--force', '-z', '--stdin', `--prefix=${resolve(directory)}/`], {
        ...own,
        input,
      })
    })
  }

  const settings = readSettings(program, place, environment)
  /** For each caller that will need a comparison, those that began after its call: an earlier one may have missed a change. */
  const usable = new Set<Comparison[]>()
  const compare = async (paths: readonly string[], context: CallContext): Promise<Compared> => {
    const result = (async () => {
      const stamp = await indexStamp(place.directory)
      return { stamp, changes: await findChanges(program, { ...place, oidBytes }, paths, context) }
    })()
    for (const list of usable) list.push({ paths, result })
    return result
  }

  const git: Git = {
    kind: 'native',
    ...place,

    async head(): Promise<Head | undefined> {
      const branch = await git.branch()
      if (branch !== undefined) {
        const oid = await git.readRef(branch)
        return oid === undefined ? undefined : { oid, branch: branch.replace(/^refs\/heads\//, '') }
      }
      const parameters = ['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']
      const answer = await program.ask(parameters)
      if (answer.status !== 0) throw gitFailed(parameters, answer)
      return { oid: lineIn(answer) }
    },
    async branch() {
      const named = await branchInHead(place.directory)
      if (named !== undefined) return named
      const answer = await program.ask(['symbolic-ref', '--quiet', 'HEAD'])
      return answer.status === 0 ? lineIn(answer) : undefined
    },
    author: () => identityIn(git.config, environment),
    ...settings,
    outsideAttributes: () => outsideAttributes(common, settings, environment),

    async readRef(ref) {
      const known = await refInFiles(place.directory, place.commonDirectory, ref)
      if (known !== undefined) return known === 'absent' ? undefined : known
      const parameters = ['rev-parse', '--verify', '--quiet', '--end-of-options', ref]
      const answer = await program.ask(parameters)
      if (answer.status === 0) return lineIn(answer)
      // A ref that is damaged is not a ref that does not exist.
      if (answer.status === 1 && !/broken ref|^(error|fatal): /m.test(answer.errors)) return undefined
      throw gitFailed(parameters, answer)
    },
    async branches(prefix) {
      const answer = await program.ask(['for-each-ref', '--format=%(refname)', 'refs/heads/'])
      if (answer.status !== 0) throw gitFailed(['for-each-ref'], answer)
      return answer.output
        .toString()
        .split('\n')
        .filter((name) => name !== '' && name.startsWith(prefix))
    },
    async moveRef(ref, next, expected) {
      const parameters = ['update-ref', '--no-deref', '--end-of-options', ref, next, expected ?? absent]
      const answer = await program.ask(parameters)
      if (answer.status === 0) return true
      if (/but expected|reference already exists|unable to resolve reference/.test(answer.errors)) return false
      throw gitFailed(parameters, answer)
    },

    async readCommit(name): Promise<Commit | undefined> {
      if (!/^[0-9a-f]{4,64}$/.test(name)) return undefined
      const loose = await readLoose(common, name)
      if (loose?.type === 'commit') return commitOf(name, loose.content)
      const found = await program.ask(['cat-file', '--batch'], { input: `${name}^{commit}\n` })
      const [line = '', oid] = /^([0-9a-f]+) commit \d+\n/.exec(found.output.toString('latin1')) ?? []
      if (found.status !== 0 || oid === undefined) return undefined
      return commitOf(oid, found.output.subarray(line.length, -1))
    },
    async isDescendant(oid, ancestor) {
      if (oid === ancestor) return true
      const loose = await readLoose(common, oid)
      if (loose?.type === 'commit' && commitParts(loose.content).parents.includes(ancestor)) return true
      const parameters = ['merge-base', '--is-ancestor', ancestor, oid]
      const answer = await program.ask(parameters)
      if (answer.status > 1) throw gitFailed(parameters, answer)
      return answer.status === 0
    },
    async commitsSince(ancestor) {
      if ((await git.readCommit(ancestor)) === undefined)
        return { count: Number(await lineOf('rev-list', '--count', 'HEAD')), isAncestor: false }
      const both = await lineOf('rev-list', '--count', '--left-right', `${ancestor}...HEAD`)
      const [missing, newer] = both.split('\t').map(Number)
      if (missing === 0) return { count: newer!, isAncestor: true }
      return { count: Number(await lineOf('rev-list', '--count', 'HEAD')), isAncestor: false }
    },
    isShallow: () => existsSync(join(place.commonDirectory, 'shallow')),
    history: (range, context) => nativeHistory(program, place.commonDirectory, range, context),
    async tree(commit, paths = []) {
      const items = await listTree(program, ['-r', '--full-tree', commit, '--', ...paths])
      return new Map(items.map(({ path, oid, mode }) => [path, { path, oid, mode }]))
    },
    async treeFiles(commit, paths) {
      const output = (await program.run(['ls-tree', '-z', '-r', '--full-tree', commit, '--', ...paths])).toString()
      return { visit: (take) => visitTree(output, (path, oid, mode) => take(path, oid, mode)) }
    },
    async treeChanges(from, to, paths) {
      const raw = await program.run(['diff-tree', '-r', '-z', '--raw', '--no-renames', from, to, '--', ...paths])
      return new Map(treeChanges(raw.toString()))
    },
    async readTree(oid) {
      const loose = await readLoose(common, oid)
      const tree = loose?.type === 'commit' ? await readLoose(common, commitParts(loose.content).tree) : loose
      const items = tree?.type === 'tree' ? treeItems(tree.content, format) : undefined
      return items ?? listTree(program, ['--full-tree', oid])
    },
    async readBlob(oid) {
      const loose = await readLoose(common, oid)
      return loose?.type === 'blob' ? loose.content : program.run(['cat-file', 'blob', oid])
    },
    readBlobs: (oids, maximumBytes, context) => readBlobs(program, oids, maximumBytes, context),
    openBlobs: (context) => openBlobs(program, context),
    writeBlob: (content) => writeObject('blob', content),
    writeTree: (items) => writeObject('tree', treeContent(items)),
    async writeCommit(commit: NewCommit) {
      const content = commitContent(commit)
      if (content !== undefined) return writeObject('commit', content)
      const { tree, parents, message, author, timestamp } = commit
      const date = `@${timestamp} +0000`
      const parameters = ['commit-tree', tree, ...parents.flatMap((parent) => ['-p', parent])]
      const environment = {
        ...{ GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email, GIT_AUTHOR_DATE: date },
        ...{ GIT_COMMITTER_NAME: author.name, GIT_COMMITTER_EMAIL: author.email, GIT_COMMITTER_DATE: date },
      }
      return (await program.run(parameters, { input: message, environment })).toString().trim()
    },

    changes: async (paths, context) => (await compare(paths, context)).changes,
    async folderContent(folder, context) {
      if (folder === '' || folder.startsWith('../')) return undefined
      const shared: Comparison[] = []
      usable.add(shared)
      const compared = async () => {
        const found = shared.find(({ paths }) => paths.some((path) => isAt(folder, path)))
        return (await found?.result.catch(() => undefined)) ?? compare([folder], context)
      }
      try {
        return await folderContent(folder, { ...place, oidBytes, compared, settings, environment })
      } finally {
        usable.delete(shared)
      }
    },
    absent: (paths, context) => findAbsent(program, { ...place, oidBytes }, paths, context),
    async restore(commit, { written, removed }, { signal }) {
      await updateIndex(['--force-remove'], removed, { signal })
      for (const path of removed) await removeEntry(place.root, path)
      if (written.length === 0) return
      const fromInput = ['--pathspec-from-file=-', '--pathspec-file-nul']
      await program.run(['checkout', '--quiet', commit, ...fromInput], { input: listed(written), signal })
    },
    async commitFiles(files, { message, author, timestamp }, { signal }) {
      const head = await git.head()
      // First the index: if another program holds it, nothing has happened.
      await stage(files, { signal })
      const tree = await withIndexOf(head?.oid, signal, async (own) => {
        await stage(files, own)
        return (await program.run(['write-tree'], own)).toString().trim()
      })
      const parents = head === undefined ? [] : [head.oid]
      const oid = await git.writeCommit({ tree, parents, message, author, timestamp })
      const reason = `commit: ${message.split('\n', 1)[0]}`
      await program.run(['update-ref', '-m', reason, 'HEAD', oid, head?.oid ?? absent])
      return oid
    },
    exclusively: (work) => work(),

    async writeFiles(commit, paths, directory, context) {
      const above = attributesAbove(paths)
      const listed = [...(await git.tree(commit, [...paths, ...above])).values()]
      const isAsked = (path: string) => paths.some((asked) => path === asked || path.startsWith(`${asked}/`))
      const unasked = new Set(above.filter((path) => !isAsked(path)))
      const entries = listed.filter(({ path }) => !unasked.has(path))
      await writeOut(commit, entries, listed.filter(isAttributes), directory, context)
    },
    writeEntries: (commit, entries, directory, context) => writeOut(commit, entries, undefined, directory, context),
  }
  return git
}

const isAt = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`)

const isAttributes = ({ path }: TreeEntry) => path === '.gitattributes' || path.endsWith('/.gitattributes')

/** The paths that files of attributes may have above some paths. None without paths: then everything is listed. */
function attributesAbove(paths: readonly string[]): readonly string[] {
  const above = paths.flatMap((path) => {
    const names = path.split('/')
    return names.map((_, index) => [...names.slice(0, index), '.gitattributes'].join('/'))
  })
  return [...new Set(above)]
}

/** The paths that files of attributes for these files may have. `undefined` if they are too many for a command. */
function attributePaths(files: readonly TreeEntry[]): readonly string[] | undefined {
  const folders = new Set([''])
  for (const { path } of files)
    for (
      let at = path.lastIndexOf('/');
      at > 0 && !folders.has(path.slice(0, at + 1));
      at = path.lastIndexOf('/', at - 1)
    )
      folders.add(path.slice(0, at + 1))
  const paths = [...folders].map((folder) => `${folder}.gitattributes`)
  return paths.reduce((sum, path) => sum + path.length + 1, 0) > longestParameters ? undefined : paths
}

/** Characters in the arguments of one command. Windows takes 32,767. */
const longestParameters = 20_000
const isSubmodule = ({ mode }: TreeEntry) => mode === '160000'
const listed = (paths: readonly string[]) => paths.map((path) => `${path}\0`).join('')
const lineIn = ({ output }: GitAnswer) => output.toString().trim()

function commitOf(oid: string, content: Buffer): Commit {
  const { parents, message } = commitParts(content)
  return { oid, parents, message }
}

/** Reads the format of git-diff-tree(1), "Raw Output Format": `:100644 100644 <id> <id> M`, the path. */
function* treeChanges(raw: string): Generator<[path: string, change: TreeChange]> {
  const parts = raw.split('\0')
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const path = parts[at + 1]!
    const [modeBefore, mode, oidBefore, oid] = parts[at]!.slice(1).split(' ') as [string, string, string, string]
    const entry = (itsMode: string, itsOid: string) =>
      itsMode === '000000' ? undefined : { path, oid: itsOid, mode: itsMode }
    yield [path, { before: entry(modeBefore, oidBefore), after: entry(mode, oid) }]
  }
}

async function listTree(program: GitProgram, parameters: readonly string[]): Promise<readonly TreeItem[]> {
  const items: TreeItem[] = []
  visitTree((await program.run(['ls-tree', '-z', ...parameters])).toString(), (path, oid, mode, type) =>
    items.push({ path, oid, mode, type }),
  )
  return items
}

/** Reads the output of git-ls-tree(1): `<mode> <type> <id>`, a tab, the path, a zero. */
function visitTree(
  output: string,
  take: (path: string, oid: string, mode: string, type: TreeItem['type']) => void,
): void {
  for (let at = 0; at < output.length; ) {
    const afterMode = output.indexOf(' ', at)
    const afterType = output.indexOf(' ', afterMode + 1)
    const tab = output.indexOf('\t', afterType)
    const end = output.indexOf('\0', tab)
    const type = output.slice(afterMode + 1, afterType) as TreeItem['type']
    take(output.slice(tab + 1, end), output.slice(afterType + 1, tab), output.slice(at, afterMode), type)
    at = end + 1
  }
}
