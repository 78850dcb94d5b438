// What is read from Git's own files instead of starting git: the same answers, whatever a repository looks like.

import { execFileSync } from 'node:child_process'
import { chmodSync, readdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type Git, gitBranchLedger, openGit } from '../../src/repository/git/index.js'
import { isPlainIndex } from '../../src/repository/git/native/plain-index.js'
import { openRepository } from '../../src/repository/index.js'
import { anyText } from '../any-text.js'
import { isWhole } from '../whole.js'
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

/** What git prints for this input. */
const gitOf = (
  root: string,
  parameters: readonly string[],
  input: string | Uint8Array,
  variables: NodeJS.ProcessEnv = {},
) =>
  execFileSync('git', [...parameters], { cwd: root, input, env: { ...process.env, ...variables }, stdio: 'pipe' })
    .toString()
    .trim()

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

  it.each(formats)('have the names that git gives to any tree and any commit (%s)', async (format) => {
    const root = repository(`--object-format=${format}`)
    const library = await openGit(root, context)
    const blob = await library.writeBlob(Buffer.from('content\n'))
    const folder = await library.writeTree([{ path: 'x', oid: blob, mode: '100644', type: 'blob' }])
    const letters = fc.constantFrom(
      'a',
      'b',
      '.',
      '-',
      '0',
      ' ',
      '"',
      '\\',
      '\n',
      '\x7f',
      'é',
      'e\u0301',
      '\uffee',
      '🚌',
    )
    // git fsck refuses these, and names that file systems take for them.
    const name = fc.string({ unit: letters, minLength: 1, maxLength: 6 }).filter((text) => !/^[. ]+$/.test(text))
    const kind = fc.constantFrom(
      { oid: blob, mode: '100644', type: 'blob' as const },
      { oid: blob, mode: '100755', type: 'blob' as const },
      { oid: blob, mode: '120000', type: 'blob' as const },
      { oid: folder, mode: '040000', type: 'tree' as const },
    )
    const item = fc.tuple(name, kind).map(([path, entry]) => ({ path, ...entry }))
    // git takes noncharacters, as U+FFFE, for Latin-1 and changes them.
    const text = anyText().map((from) => from.replaceAll(/\0|\p{Noncharacter_Code_Point}/gu, ''))
    const crud = fc.string({ unit: fc.constantFrom('.', ',', ' ', '<', '>', "'", '\n', 'b', 'ß') })
    const person = fc.tuple(crud, crud).map(([before, after]) => `${before}A${after}`)
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(item, { selector: ({ path }) => path }),
        fc.oneof(text, fc.constantFrom('', 'a\r\n\r\nb', '\n\n', 'parent x\n\ntree y')),
        fc.record({ name: person, email: person }),
        fc.nat(2 ** 31),
        async (items, message, author, timestamp) => {
          const tree = await library.writeTree(items)
          const listed = items.map(({ mode, type, oid, path }) => `${mode} ${type} ${oid}\t${path}\0`).join('')
          expect(tree).toBe(gitOf(root, ['mktree', '-z'], listed))
          const written = (await library.readTree(tree)).map(({ path }) => path)
          expect(written.join('\0')).toBe(git(root, 'ls-tree', '-z', '--name-only', tree).slice(0, -1))
          expect(new Set(await library.readTree(tree))).toEqual(new Set(items))
          const commit = await library.writeCommit({ tree, parents: [], message, author, timestamp })
          const date = `@${timestamp} +0000`
          const variables = {
            ...{ GIT_AUTHOR_NAME: author.name, GIT_AUTHOR_EMAIL: author.email, GIT_AUTHOR_DATE: date },
            ...{ GIT_COMMITTER_NAME: author.name, GIT_COMMITTER_EMAIL: author.email, GIT_COMMITTER_DATE: date },
          }
          expect(commit).toBe(gitOf(root, ['commit-tree', tree], message, variables))
          const raw = execFileSync('git', ['cat-file', 'commit', commit], { cwd: root }).toString()
          expect((await library.readCommit(commit))?.message).toBe(raw.slice(raw.indexOf('\n\n') + 2))
        },
      ),
      { numRuns: isWhole ? 100 : 2 },
    )
    gitCheck(root)
  })

  it('with headers of other programs are read as git reads them', async () => {
    const root = repository()
    const library = await openGit(root, context)
    const { tree, parents } = await writeObjects(library)
    const person = 'Ann <ann@example.org> 1700000000 +0100'
    const signature = 'gpgsig -----BEGIN PGP SIGNATURE-----\n \n parent 1\n -----END PGP SIGNATURE-----'
    const tag = `mergetag object ${parents[0]}\n type commit\n tag v1\n tagger ${person}\n \n parent 2`
    const headers = [`tree ${tree}`, `parent ${parents[0]}`, `author ${person}`, `committer ${person}`]
    const content = [...headers, 'encoding ISO-8859-1', tag, signature, '', 'parent 3\r\n\r\nend'].join('\n')
    const oid = gitOf(root, ['hash-object', '-t', 'commit', '-w', '--stdin'], content)
    const read = async () =>
      expect(await library.readCommit(oid)).toEqual({ oid, parents, message: 'parent 3\r\n\r\nend' })
    await read()
    expect(await library.readTree(oid)).toHaveLength(3)
    git(root, 'branch', 'signed', oid)
    git(root, 'gc', '-q')
    await read()
  })

  it.each([
    ['without an end', Buffer.from(`100644 a${'b'.repeat(40)}`)],
    ['that is cut off', Buffer.from('100644 a\0short')],
  ])('that are a tree %s are git’s error', async (_, content) => {
    const root = repository()
    const library = await openGit(root, context)
    const oid = gitOf(root, ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], content)
    await expect(library.readTree(oid)).rejects.toMatchObject({ code: 'repository-invalid' })
  })

  it('are written while git gc removes empty folders', async () => {
    const root = repository()
    const library = await openGit(root, context)
    const objects = join(root, '.git/objects')
    const removed = new Set<string>()
    let isDone = false
    // As `git prune-packed` does, at the worst moments: each folder once.
    const gc = (async () => {
      for (; !isDone; await setImmediate())
        for (const name of readdirSync(objects).filter((one) => one.length === 2 && !removed.has(one)))
          try {
            rmdirSync(join(objects, name))
            removed.add(name)
          } catch {}
    })()
    try {
      for (let at = 0; at < (isWhole ? 100 : 10); at += 1) await library.writeBlob(Buffer.from(`content ${at}`))
    } finally {
      isDone = true
      await gc
    }
    gitCheck(root)
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

describe.skipIf(gitIsMissing !== undefined).each(formats)('the index (%s)', (format) => {
  const indexed = () => {
    const root = repository(`--object-format=${format}`)
    // Paths of all lengths: each entry is filled up to a multiple of eight bytes.
    for (let length = 1; length < 20; length += 1) write(root, 'b'.repeat(length))
    write(root, 'dataset/in/a/folder.json')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'second')
    return root
  }
  const isPlain = (root: string) => isPlainIndex(join(root, '.git'), format === 'sha256' ? 32 : 20)

  it('is plain as git writes it, also with what a tool or a conflict adds', async () => {
    const root = indexed()
    expect(await isPlain(root)).toBe(true)
    git(root, 'update-index', '--untracked-cache', '--force-write-index')
    git(root, 'status')
    expect(await isPlain(root)).toBe(true)
    git(root, 'branch', 'side')
    for (const branch of ['side', 'main']) {
      git(root, 'checkout', '-q', branch)
      write(root, 'a.txt', branch)
      git(root, 'commit', '-qam', branch)
    }
    expect(() => git(root, 'merge', '-q', 'side')).toThrow()
    expect(await isPlain(root)).toBe(true)
    expect(await (await openGit(root, context)).changes(['.'], context)).toMatchObject({ changed: ['a.txt'] })
  })

  it.each<readonly [string, (root: string) => void]>([
    ['an entry that is assumed unchanged', (root) => void git(root, 'update-index', '--assume-unchanged', 'bbb')],
    ['an entry that is skipped', (root) => void git(root, 'update-index', '--skip-worktree', 'bbb')],
    [
      'a file that will be added',
      (root) => {
        write(root, 'c')
        git(root, 'add', '-N', 'c')
      },
    ],
    [
      'a submodule',
      (root) =>
        void git(root, 'update-index', '--add', '--cacheinfo', `160000,${git(root, 'rev-parse', 'HEAD').trim()},sub`),
    ],
    ['a part in another file', (root) => void git(root, 'update-index', '--split-index')],
    ['folders that are left out', (root) => void git(root, 'sparse-checkout', 'set', '--cone', '--sparse-index')],
    ['version 4', (root) => void git(root, 'update-index', '--index-version', '4')],
  ])('is not plain with %s', async (_, change) => {
    const root = indexed()
    change(root)
    expect(await isPlain(root)).toBe(false)
  })

  it('is not plain if it is cut off anywhere', async () => {
    const root = indexed()
    const index = join(root, '.git/index')
    const bytes = readFileSync(index)
    for (let length = 0; length < bytes.length; length += isWhole ? 7 : 35) {
      writeFileSync(index, bytes.subarray(0, length))
      expect(await isPlain(root), `${length} bytes`).toBe(false)
    }
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
    // The data is compared by the same `git status`, or by a second one if the first has ended when the data is reached.
    const [first, ...more] = started().sort().reverse()
    expect(more.slice(more[0] === 'status' ? 1 : 0)).toEqual(['rev-parse', 'config'])
    expect(first).toBe('status')
  })

  it('for an object that is large, however small its file is', async () => {
    const library = await openGit(repository(), context, { environment: { ...process.env, GIT_TRACE2: trace } })
    const oid = await library.writeBlob(Buffer.alloc(17 * 2 ** 20))
    expect(started()).toEqual(['rev-parse'])
    expect((await library.readBlob(oid)).length).toBe(17 * 2 ** 20)
    expect(started()).toEqual(['rev-parse', 'cat-file'])
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
