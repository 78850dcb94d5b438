// What repositories use that isomorphic-git lacks: the program git works on it, and without the program the error names it.

import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { commit, type Git, openGit, revert } from '../../src/repository/git/index.js'
import { itInFull } from '../in-full.js'
import { sampleOf } from '../whole.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, gitCheck, gitStatus, temporaryFolder, write } from './harness.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: the features of Git, since ${gitIsMissing}\n`)

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }
const clean = { changed: [], deleted: [], ignored: [], absent: [] }
const native = (root: string) => openGit(root, context)
const isomorphic = (root: string) => openGit(root, context, { program: false })

/** A repository with two committed files. */
function repository(...parameters: readonly string[]): string {
  const root = join(temporaryFolder(), 'project')
  mkdirSync(root)
  git(root, 'init', '-q', '-b', 'main', ...parameters)
  write(root, 'dataset/a.json', '{}\n')
  write(root, 'dataset/b.json', '{ "b": 1 }\n')
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '-m', 'first')
  return root
}

async function worksOn(root: string, library: Git): Promise<void> {
  expect(await library.changes(['dataset'], context)).toEqual(clean)
  write(root, 'dataset/a.json', '{ "a": 2 }\n')
  write(root, 'dataset/c.json', '{ "c": 1 }\n')
  const oid = await commit(library, { message: 'second', author, paths: ['dataset'] }, context)
  expect(gitStatus(root)).toBe('')
  expect((await library.head())?.oid).toBe(git(root, 'rev-parse', 'HEAD').trim())
  await revert(library, oid, { author }, context)
  expect(gitStatus(root)).toBe('')
  expect(existsSync(join(root, 'dataset/c.json'))).toBe(false)
  const folder = temporaryFolder()
  await library.writeFiles(oid, ['dataset'], folder, context)
  expect(readFileSync(join(folder, 'dataset/c.json'), 'utf8').trim()).toBe('{ "c": 1 }')
  gitCheck(root)
}

async function refusedBy(fact: RegExp, work: () => Promise<unknown>): Promise<void> {
  await expect(work()).rejects.toMatchObject({
    code: 'repository-invalid',
    message: expect.stringMatching(new RegExp(`${fact.source}.*Install git 2\\.30 or later`)),
  })
}

describe.skipIf(gitIsMissing !== undefined)('a repository with', () => {
  itInFull('SHA-256 object names', async () => {
    const root = repository('--object-format=sha256')
    await worksOn(root, await native(root))
    await refusedBy(/SHA256 object names/, () => isomorphic(root))
  })

  it('refs in the format reftable', async () => {
    let root: string
    try {
      root = repository('--ref-format=reftable')
    } catch {
      process.stderr.write(`skipped: refs in the format reftable, which ${git('.', 'version').trim()} lacks\n`)
      return
    }
    await worksOn(root, await native(root))
    await refusedBy(/reftable/, () => isomorphic(root))
  })

  it('an extension that nobody knows is refused by both', async () => {
    const root = repository()
    git(root, 'config', 'core.repositoryformatversion', '1')
    git(root, 'config', 'extensions.sheikhTest', 'true')
    for (const open of [native, isomorphic])
      await expect(open(root)).rejects.toMatchObject({
        code: 'repository-invalid',
        message: expect.stringMatching(/extension.*sheikhtest/i),
      })
  })

  it('objects borrowed from another one', async () => {
    const source = repository()
    const root = join(temporaryFolder(), 'borrower')
    git(source, 'clone', '-q', '--shared', source, root)
    await worksOn(root, await native(root))
    await refusedBy(/borrows objects/, () => isomorphic(root))
  })

  itInFull('an index of version 4', async () => {
    const root = repository()
    git(root, 'update-index', '--index-version', '4')
    await worksOn(root, await native(root))
    git(root, 'update-index', '--index-version', '4')
    await refusedBy(/index has version 4/, () => isomorphic(root))
  })

  const names = [
    'a\\b.json',
    'line\nbreak.json',
    'ünïcode 文字.json',
    ' leading',
    'tab\there',
    '"quoted"',
    '*.json',
    ':(top)',
  ]
  it.each(sampleOf(names, 2))('a file named %j', async (name) => {
    const root = repository()
    write(root, `dataset/${name}`, 'x')
    const library = await native(root)
    expect((await library.changes(['dataset'], context)).changed).toEqual([`dataset/${name}`])
    const oid = await commit(library, { message: 'named', author, paths: ['dataset'] }, context)
    expect(gitStatus(root)).toBe('')
    expect([...(await library.tree(oid)).keys()]).toContain(`dataset/${name}`)
    expect(await library.changes(['dataset'], context)).toEqual(clean)
    // Without the program: the same, or an error that says why not.
    const other = await isomorphic(root)
    if (name.includes('\\')) await refusedBy(/backslash/, () => other.changes(['dataset'], context))
    else expect(await other.changes(['dataset'], context)).toEqual(clean)
    const entries = [...(await library.tree(oid, ['dataset'])).values()]
    for (const reader of name.includes('\\') ? [library] : [library, other]) {
      const files: unknown[] = []
      const { visit } = await reader.treeFiles(oid, ['dataset'])
      visit((path, itsOid, mode) => files.push({ path, oid: itsOid, mode }))
      expect(files).toEqual(entries)
    }
    write(root, `dataset/${name}`, 'y')
    await revert(
      library,
      await commit(library, { message: 'edit', author, paths: ['dataset'] }, context),
      { author },
      context,
    )
    expect(readFileSync(join(root, `dataset/${name}`), 'utf8')).toBe('x')
  })
})

describe.skipIf(gitIsMissing !== undefined)('files that Git converts:', () => {
  it.each([
    ['core.autocrlf=input', { autocrlf: 'input' }, ''],
    ['core.autocrlf=true', { autocrlf: 'true' }, ''],
    ['text=auto', {}, '* text=auto\n'],
    ['eol=crlf', {}, '*.json text eol=crlf\n'],
  ] as const)('line endings by %s', async (_name, { autocrlf }: { autocrlf?: string }, attributes) => {
    const root = repository()
    if (autocrlf !== undefined) git(root, 'config', 'core.autocrlf', autocrlf)
    if (attributes !== '') write(root, '.gitattributes', attributes)
    git(root, 'add', '-A')
    if (attributes !== '') git(root, 'commit', '-q', '-m', 'attributes')
    write(root, 'dataset/a.json', '{}\r\n')
    git(root, 'add', '-A')
    expect(gitStatus(root)).toBe('')
    const library = await native(root)
    expect(await library.changes(['dataset'], context)).toEqual(clean)
    await refusedBy(/line endings|attributes/, async () => (await isomorphic(root)).changes(['dataset'], context))
    // An edit is one, whatever its line ending.
    write(root, 'dataset/a.json', '{ "a": 1 }\r\n')
    expect(await library.changes(['dataset'], context)).toEqual({ ...clean, changed: ['dataset/a.json'] })
    await commit(library, { message: 'edit', author, paths: ['dataset'] }, context)
    expect(git(root, 'cat-file', 'blob', 'HEAD:dataset/a.json')).toBe('{ "a": 1 }\n')
  })

  it.each<[string, string, string]>([
    ['of the repository', '.gitattributes', ''],
    ['of the clone', '.git/info/attributes', ''],
    ['of the user', '.git/own', 'core.attributesFile'],
  ])('by a filter in attributes %s, as Git LFS does', async (_, file, setting) => {
    const root = repository()
    if (setting !== '') git(root, 'config', setting, join(root, file))
    git(root, 'config', 'filter.upper.clean', 'tr a-z A-Z')
    git(root, 'config', 'filter.upper.smudge', 'tr A-Z a-z')
    write(root, file, '*.big filter=upper\n')
    write(root, 'dataset/x.big', 'abc\n')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'filtered')
    expect(git(root, 'cat-file', 'blob', 'HEAD:dataset/x.big')).toBe('ABC\n')
    const library = await native(root)
    expect(await library.changes(['dataset'], context)).toEqual(clean)
    const folder = temporaryFolder()
    await library.writeFiles('HEAD', ['dataset'], folder, context)
    expect(readFileSync(join(folder, 'dataset/x.big'), 'utf8')).toBe('abc\n')
    await refusedBy(/attributes.*x\.big/, async () => (await isomorphic(root)).changes(['dataset'], context))
  })
})

it.skipIf(gitIsMissing !== undefined)(
  'files are written with the attributes of all folders of their commit',
  async () => {
    const root = repository()
    write(root, '.gitattributes', '*.a text eol=crlf\n')
    write(root, 'dataset/.gitattributes', '*.b text eol=crlf\n')
    write(root, 'dataset/deep er/.gitattributes', '*.c text eol=crlf\n*.b -text\n')
    const names = ['x.a', 'x.b', 'x.c', 'odd "na\nme\u0301.a']
    for (const name of names) write(root, `dataset/deep er/${name}`, 'one\ntwo\n')
    write(root, 'dataset/x.b', 'one\ntwo\n')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'attributes')
    // The work tree has none: git would read them there first.
    for (const path of ['.gitattributes', 'dataset/.gitattributes', 'dataset/deep er/.gitattributes'])
      rmSync(join(root, path))
    const library = await native(root)
    for (const paths of [
      ['dataset'],
      ['dataset/deep er', 'dataset'],
      ['dataset/deep er'],
      names.map((name) => `dataset/deep er/${name}`),
      [],
    ]) {
      const folder = temporaryFolder()
      await library.writeFiles('HEAD', paths, folder, context)
      const text = (path: string) => readFileSync(join(folder, path), 'utf8')
      const [crlf, lf] = ['one\r\ntwo\r\n', 'one\ntwo\n']
      expect(names.map((name) => text(`dataset/deep er/${name}`))).toEqual([crlf, lf, crlf, crlf])
      const isAll = paths.length === 0
      const hasDataset = isAll || paths.includes('dataset')
      if (hasDataset) expect(text('dataset/x.b')).toBe(crlf)
      // Only files that were asked for are written.
      expect(existsSync(join(folder, '.gitattributes'))).toBe(isAll)
      expect(existsSync(join(folder, 'dataset/.gitattributes'))).toBe(hasDataset)
      expect(existsSync(join(folder, 'dataset/deep er/.gitattributes'))).toBe(hasDataset || paths.length === 1)
    }
  },
)

describe.skipIf(gitIsMissing !== undefined)('files that `git status` passes over:', () => {
  it('those that a sparse checkout leaves out are named, and so is an edit of one that was brought back', async () => {
    const root = repository()
    write(root, 'other/c.txt')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'other')
    git(root, 'sparse-checkout', 'set', 'other')
    expect(gitStatus(root)).toBe('')
    const library = await native(root)
    expect(await library.changes(['dataset', 'other'], context)).toEqual({
      ...clean,
      absent: ['dataset/a.json', 'dataset/b.json'],
    })
    await refusedBy(/sparse checkout/, () => isomorphic(root))
    git(root, 'sparse-checkout', 'disable')
    expect(await library.changes(['dataset', 'other'], context)).toEqual(clean)
  })

  it.each(sampleOf(['--assume-unchanged', '--skip-worktree'], 1))(
    'those that a person has flagged with %s',
    async (flag) => {
      const root = repository()
      git(root, 'update-index', flag, 'dataset/a.json', 'dataset/b.json')
      const library = await native(root)
      expect(await library.changes(['dataset'], context)).toEqual(clean)
      write(root, 'dataset/a.json', '{ "poisoned": true }\n')
      expect(gitStatus(root)).toBe('')
      expect(await library.changes(['dataset'], context)).toEqual({ ...clean, changed: ['dataset/a.json'] })
      if (flag === '--skip-worktree') await refusedBy(/index has version 3/, () => isomorphic(root))
      else
        expect(await (await isomorphic(root)).changes(['dataset'], context)).toEqual({
          ...clean,
          changed: ['dataset/a.json'],
        })
      rmSync(join(root, 'dataset/b.json'))
      const { deleted, absent } = await library.changes(['dataset'], context)
      expect([...deleted, ...absent]).toEqual(['dataset/b.json'])
    },
  )

  it('those of a submodule: edited, ignored by it, at another commit, not initialised', async () => {
    const inner = repository()
    write(inner, '.gitignore', '*.csv\n')
    git(inner, 'add', '-A')
    git(inner, 'commit', '-q', '-m', 'ignore')
    const root = repository()
    git(root, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', inner, 'dataset/sub')
    git(root, 'commit', '-q', '-m', 'submodule')
    const library = await native(root)
    expect(await library.changes(['dataset'], context)).toEqual(clean)
    await refusedBy(/"dataset\/sub" is a submodule/, async () => (await isomorphic(root)).changes(['dataset'], context))
    write(root, 'dataset/sub/dataset/a.json', 'edited')
    write(root, 'dataset/sub/extra.csv', 'ignored')
    expect(await library.changes(['dataset'], context)).toEqual({
      ...clean,
      changed: ['dataset/sub/dataset/a.json'],
      ignored: ['dataset/sub/extra.csv'],
    })
    git(join(root, 'dataset/sub'), 'commit', '-qam', 'further')
    expect((await library.changes(['dataset'], context)).changed).toEqual(['dataset/sub'])
    const fresh = join(temporaryFolder(), 'fresh')
    git(root, 'clone', '-q', root, fresh)
    expect(await (await native(fresh)).changes(['dataset'], context)).toEqual({ ...clean, absent: ['dataset/sub'] })
  })

  it('a repository in a repository', async () => {
    const root = repository()
    write(root, 'dataset/nested/x.json')
    git(join(root, 'dataset/nested'), 'init', '-q')
    expect((await (await native(root)).changes(['dataset'], context)).changed).toEqual(['dataset/nested/'])
  })
})

describe.skipIf(gitIsMissing !== undefined)('the program', () => {
  it('is not used if it is older than 2.30, or absent', async () => {
    const root = repository()
    const folder = temporaryFolder()
    write(folder, 'old-git', '#!/bin/sh\necho git version 2.29.9\n')
    execFileSync('chmod', ['+x', join(folder, 'old-git')])
    for (const program of [join(folder, 'old-git'), join(folder, 'no-git')])
      expect((await openGit(root, context, { program })).kind).toBe('isomorphic')
    expect((await native(root)).kind).toBe('native')
  })

  it('says its version once per PATH, however often a repository is opened', async () => {
    const root = repository()
    const folder = temporaryFolder()
    const logging = `#!/bin/sh\necho "$*" >> '${folder}/log'\nPATH='${process.env['PATH']}' exec git "$@"\n`
    for (const place of ['one', 'two']) {
      write(folder, `${place}/git`, logging)
      execFileSync('chmod', ['+x', join(folder, place, 'git')])
    }
    const asked = () => readFileSync(join(folder, 'log'), 'utf8').match(/^--version$/gm)?.length
    const openWith = (PATH: string) => openGit(root, context, { environment: { ...process.env, PATH } })
    for (const opened of [1, 2, 3]) expect((await openWith(join(folder, 'one'))).kind, `${opened}`).toBe('native')
    expect(asked()).toBe(1)
    expect((await openWith(join(folder, 'two'))).kind).toBe('native')
    expect(asked()).toBe(2)
    rmSync(join(folder, 'one/git'))
    expect((await openWith(join(folder, 'one'))).kind).toBe('isomorphic')
  })

  it('takes no repository from the environment, as in a hook, and runs no hook', async () => {
    const [root, other] = [repository(), repository()]
    const environment = { ...process.env, GIT_DIR: join(other, '.git'), GIT_INDEX_FILE: join(other, '.git/index') }
    write(root, '.git/hooks/post-checkout', '#!/bin/sh\nexit 1\n')
    write(root, '.git/hooks/pre-commit', '#!/bin/sh\nexit 1\n')
    execFileSync('chmod', ['+x', join(root, '.git/hooks/post-checkout'), join(root, '.git/hooks/pre-commit')])
    const library = await openGit(root, context, { environment })
    expect(library.root).toBe(root)
    await worksOn(root, library)
    expect(gitStatus(other)).toBe('')
  })

  it('is not used in the folder of another user, and an error about what needs it says how to trust the folder', async () => {
    const root = repository()
    const environment = { ...process.env, GIT_TEST_ASSUME_DIFFERENT_OWNER: '1' }
    const library = await openGit(root, context, { environment })
    expect(library.kind).toBe('isomorphic')
    expect(await library.changes(['dataset'], context)).toEqual(clean)
    git(root, 'config', 'core.autocrlf', 'true')
    write(root, 'dataset/a.json', 'edited')
    await expect((await openGit(root, context, { environment })).changes(['dataset'], context)).rejects.toMatchObject({
      code: 'repository-invalid',
      message: expect.stringMatching(/belongs to another user.*git config --global --add safe\.directory ".*project"$/),
    })
  })

  it('reads commits as every clone has them, without the replacements and grafts of this one', async () => {
    const root = repository()
    const first = git(root, 'rev-parse', 'HEAD').trim()
    write(root, 'dataset/a.json', 'second')
    git(root, 'commit', '-qam', 'second')
    const blob = git(root, 'rev-parse', 'HEAD:dataset/a.json').trim()
    git(root, 'replace', blob, git(root, 'rev-parse', `${first}:dataset/a.json`).trim())
    write(root, '.git/info/grafts', git(root, 'rev-parse', 'HEAD'))
    const library = await native(root)
    expect(Buffer.from(await library.readBlob(blob)).toString()).toBe('second')
    expect((await library.commitsSince(first)).isAncestor).toBe(true)
  })

  it('that cannot fetch what a partial clone lacks is an error that may be retried', async () => {
    const source = repository()
    git(source, 'config', 'uploadpack.allowFilter', 'true')
    const root = join(temporaryFolder(), 'partial')
    git(source, 'clone', '-q', '--no-checkout', '--filter=blob:none', `file://${source}`, root)
    const blob = git(source, 'rev-parse', 'HEAD:dataset/a.json').trim()
    rmSync(source, { recursive: true })
    await expect((await native(root)).readBlob(blob)).rejects.toMatchObject({
      code: 'storage-failed',
      retryable: true,
      message: expect.stringMatching(/partial clone.*git fetch --refetch --no-filter/),
    })
  })

  itInFull('compares thousands of named paths', async () => {
    const root = repository()
    const paths = Array.from({ length: 3000 }, (_, index) => `dataset/many/${index}.json`)
    for (const path of paths) write(root, path)
    write(root, 'dataset/unasked.json')
    const library = await native(root)
    expect((await library.changes(paths, context)).changed).toHaveLength(3000)
    await library.commitFiles({ changed: paths, deleted: [] }, { message: 'Many', author, timestamp: 1 }, context)
    appendFileSync(join(root, paths[7]!), 'x')
    expect((await library.changes(paths.slice(0, 8), context)).changed).toEqual([paths[7]])
  })
})
