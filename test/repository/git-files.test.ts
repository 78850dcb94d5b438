// What is read from Git's own files instead of starting git: the same answers, whatever a repository looks like.
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Git, gitBranchLedger, openGit } from '../../src/repository/git/index.js'
import { openRepository } from '../../src/repository/index.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, gitCheck, temporaryFolder, write } from './harness.js'
import { project } from './project.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: Git's own files, since ${gitIsMissing}\n`)

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }
const formats = ['sha1', 'sha256'] as const

function repository(...options: readonly string[]): string {
  const root = temporaryFolder()
  git(root, 'init', '-q', '-b', 'main', ...options)
  write(root, 'a.txt')
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '-m', 'first')
  return root
}

/** A commit with a folder, a program and a link. */
async function writeObjects(library: Git, message = 'A message\n\nwith ümlauts\n') {
  const blob = await library.writeBlob(Buffer.from('content\n'))
  const inner = await library.writeTree([{ path: 'x', oid: blob, mode: '100755', type: 'blob' }])
  const items = [
    { path: 'a.b', oid: blob, mode: '100644', type: 'blob' },
    { path: 'a', oid: inner, mode: '040000', type: 'tree' },
    { path: 'a0', oid: blob, mode: '120000', type: 'blob' },
  ] as const
  const tree = await library.writeTree(items.toReversed())
  const parents = [(await library.head())!.oid]
  const commit = await library.writeCommit({ tree, parents, message, author, timestamp: 1_700_000_000 })
  return { blob, tree, commit, items, parents }
}

const objectFile = (root: string, oid: string) => join(root, '.git/objects', oid.slice(0, 2), oid.slice(2))

describe.skipIf(gitIsMissing !== undefined)('objects', () => {
  it.each(formats)('written here are those that git writes, before and after git gc (%s)', async (format) => {
    const root = repository(`--object-format=${format}`)
    const library = await openGit(root, context)
    const { blob, tree, commit, items, parents } = await writeObjects(library)
    gitCheck(root)
    expect(git(root, 'ls-tree', '--name-only', commit)).toBe('a.b\na\na0\n')
    expect(git(root, 'log', '-1', '--format=%an <%ae> %at %B', commit).trim()).toBe(
      'Ann Example <ann@example.org> 1700000000 A message\n\nwith ümlauts',
    )
    git(root, 'branch', 'other', commit)
    const check = async () => {
      expect(await library.readTree(commit)).toEqual(items)
      expect(await library.readTree(tree)).toEqual(items)
      expect(String(await library.readBlob(blob))).toBe('content\n')
      expect(await library.readCommit(commit)).toEqual({ oid: commit, parents, message: 'A message\n\nwith ümlauts\n' })
      expect(await library.readRef('refs/heads/other')).toBe(commit)
      expect(await library.readRef('refs/heads/none')).toBe(undefined)
      expect(await library.isDescendant(commit, parents[0]!)).toBe(true)
      expect(await library.isDescendant(parents[0]!, commit)).toBe(false)
      expect(await library.commitsSince(commit)).toEqual({ count: 1, isAncestor: false })
    }
    await check()
    git(root, 'gc', '-q')
    expect(() => statSync(objectFile(root, blob))).toThrow('ENOENT')
    await check()
  })

  it('of another repository, which this one borrows from', async () => {
    const { blob, tree } = await writeObjects(await openGit(repository(), context))
    const [from, root] = [repository(), join(temporaryFolder(), 'clone')]
    await writeObjects(await openGit(from, context))
    git(from, 'clone', '-q', '--shared', from, root)
    const library = await openGit(root, context)
    expect(String(await library.readBlob(blob))).toBe('content\n')
    expect(await library.readTree(tree)).toHaveLength(3)
  })

  it('are what their names say, whatever replaces them', async () => {
    const root = repository()
    const library = await openGit(root, context)
    const { blob, commit, parents } = await writeObjects(library)
    const other = await library.writeBlob(Buffer.from('other\n'))
    git(root, 'branch', 'other', commit)
    git(root, 'replace', blob, other)
    git(root, 'replace', commit, parents[0]!)
    for (const packs of [false, true]) {
      if (packs) git(root, 'gc', '-q')
      expect(String(await library.readBlob(blob))).toBe('content\n')
      expect(await library.readTree(commit)).toHaveLength(3)
    }
  })

  it('whose file is damaged are git’s error, and are written again', async () => {
    const root = repository()
    const library = await openGit(root, context)
    const { blob } = await writeObjects(library)
    chmodSync(objectFile(root, blob), 0o644)
    writeFileSync(objectFile(root, blob), '')
    await expect(library.readBlob(blob)).rejects.toMatchObject({ code: 'repository-invalid' })
    expect(await library.writeBlob(Buffer.from('content\n'))).toBe(blob)
    expect(String(await library.readBlob(blob))).toBe('content\n')
  })

  it('of a repository that several users write have its permissions', async () => {
    const root = repository('--shared=group')
    const { blob } = await writeObjects(await openGit(root, context))
    const modeOf = (path: string) => statSync(path).mode & 0o7777
    const objects = join(root, '.git/objects')
    expect(modeOf(objects) & 0o2070).toBe(0o2070)
    expect(modeOf(join(objects, blob.slice(0, 2)))).toBe(modeOf(objects))
    expect(modeOf(objectFile(root, blob))).toBe(0o444)
  })

  it('are left to git where it would change a name', async () => {
    const root = repository()
    const library = await openGit(root, context)
    const { tree, parents } = await writeObjects(library)
    const odd = { name: ' Ann <the> Example, ', email: 'ann@example.org' }
    const oid = await library.writeCommit({ tree, parents, message: 'm', author: odd, timestamp: 0 })
    gitCheck(root)
    expect(git(root, 'log', '-1', '--format=%an', oid).trim()).toBe('Ann the Example')
  })
})

describe.skipIf(gitIsMissing !== undefined)('starts of git', () => {
  let trace: string
  const started = () =>
    readFileSync(trace, 'utf8')
      .split('\n')
      .flatMap((line) => / start +git (.*)$/.exec(line)?.[1] ?? [])
      .map((line) => line.replaceAll(/-c \S+ /g, '').split(' ')[0])

  beforeEach(() => {
    trace = join(temporaryFolder(), 'trace')
    writeFileSync(trace, '')
  })

  it('for a plan: the place, the settings, and what has changed', async () => {
    const { root } = await project()
    vi.stubEnv('GIT_TRACE2', trace)
    onTestFinished(() => void vi.unstubAllEnvs())
    await (await openRepository(root)).plan()
    expect(started().sort()).toEqual(['config', 'rev-parse', 'status'])
  })

  it('for an entry of the ledger: one for the branch, and one for what this clone has seen', async () => {
    const library = await openGit(repository(), context, { environment: { ...process.env, GIT_TRACE2: trace } })
    const ledger = gitBranchLedger(library, { remote: false })
    await ledger.append({ type: 'approval', runId: 'one', by: 'Ann', reason: 'looked at it' }, context)
    writeFileSync(trace, '')
    await ledger.append({ type: 'approval', runId: 'two', by: 'Ann', reason: 'looked at it' }, context)
    expect(started()).toEqual(['update-ref', 'update-ref'])
  })
})
