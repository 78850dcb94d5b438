// What the program git does with programs and protocols that `npm test` cannot rely on: Git LFS, partial and shallow clones.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { commit, openGit, revert } from '../../src/repository/git/index.js'
import { git, gitStatus, temporaryFolder, write } from '../repository/harness.js'

const missing = (...parameters: readonly string[]) => spawnSync('git', parameters).status !== 0
const noGit = missing('version')
const noLfs = noGit || missing('lfs', 'version')
if (noGit) console.log('Skipped: git is not installed')
if (noLfs) console.log('Skipped: Git LFS is not installed (npm run setup:interop installs git-lfs)')

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }
const clean = { changed: [], deleted: [], ignored: [], absent: [] }
const sample = (text: string) => `${JSON.stringify({ id: 'a', text, label: 'x' })}\n`

function repository(): string {
  const root = temporaryFolder()
  git(root, 'init', '-q', '-b', 'main')
  write(root, 'dataset/a.json', sample('one'))
  git(root, 'add', '-A')
  git(root, 'commit', '-q', '-m', 'first')
  return root
}

describe.skipIf(noLfs)('Git LFS', () => {
  function withLfs(): string {
    const root = repository()
    git(root, 'lfs', 'install', '--local', '--skip-repo')
    git(root, 'lfs', 'track', '*.jsonl')
    write(root, 'dataset/big.jsonl', sample('large'))
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'large')
    return root
  }

  it('pulled files are clean; an edit is one; a commit holds the pointer; earlier contents are read', async () => {
    const root = withLfs()
    const library = await openGit(root, context)
    expect(await library.changes(['dataset'], context)).toEqual(clean)
    write(root, 'dataset/big.jsonl', sample('LARGE'))
    expect(await library.changes(['dataset'], context)).toEqual({ ...clean, changed: ['dataset/big.jsonl'] })
    const oid = await commit(library, { message: 'edit', author, paths: ['dataset'] }, context)
    expect(gitStatus(root)).toBe('')
    expect(git(root, 'cat-file', 'blob', 'HEAD:dataset/big.jsonl')).toMatch(/^version https:\/\/git-lfs/)
    const folder = temporaryFolder()
    await library.writeFiles(oid, ['dataset'], folder, context)
    expect(readFileSync(join(folder, 'dataset/big.jsonl'), 'utf8')).toBe(sample('LARGE'))
    await revert(library, oid, { author }, context)
    expect(readFileSync(join(root, 'dataset/big.jsonl'), 'utf8')).toBe(sample('large'))
    expect(gitStatus(root)).toBe('')
    await expect(
      (await openGit(root, context, { program: false })).changes(['dataset'], context),
    ).rejects.toMatchObject({
      code: 'repository-invalid',
      message: expect.stringMatching(/gitattributes.*Install git/),
    })
  })

  it('pointers that were not pulled are clean to Git, by both', async () => {
    const root = withLfs()
    const copy = join(temporaryFolder(), 'copy')
    git(root, 'clone', '-q', root, copy)
    expect(readFileSync(join(copy, 'dataset/big.jsonl'), 'utf8')).toMatch(/^version https:\/\/git-lfs/)
    for (const program of ['git', false] as const)
      expect(await (await openGit(copy, context, { program })).changes(['dataset'], context)).toEqual(clean)
  })
})

describe.skipIf(noGit)('a clone without everything', () => {
  it('partial: what is missing is fetched', async () => {
    const source = repository()
    git(source, 'config', 'uploadpack.allowFilter', 'true')
    const [first] = [git(source, 'rev-parse', 'HEAD').trim()]
    write(source, 'dataset/a.json', sample('two'))
    git(source, 'commit', '-qam', 'second')
    const copy = join(temporaryFolder(), 'copy')
    git(source, 'clone', '-q', '--filter=blob:none', `file://${source}`, copy)
    const library = await openGit(copy, context)
    expect(await library.changes(['dataset'], context)).toEqual(clean)
    const folder = temporaryFolder()
    await library.writeFiles(first!, ['dataset'], folder, context)
    expect(readFileSync(join(folder, 'dataset/a.json'), 'utf8')).toBe(sample('one'))
    await expect(openGit(copy, context, { program: false })).rejects.toThrow(/partial clone.*Install git/)
  })

  it('shallow: what is missing is an error', async () => {
    const source = repository()
    const first = git(source, 'rev-parse', 'HEAD').trim()
    write(source, 'dataset/a.json', sample('two'))
    git(source, 'commit', '-qam', 'second')
    const copy = join(temporaryFolder(), 'copy')
    git(source, 'clone', '-q', '--depth=1', `file://${source}`, copy)
    for (const program of ['git', false] as const) {
      const library = await openGit(copy, context, { program })
      expect(await library.changes(['dataset'], context)).toEqual(clean)
      await expect(library.writeFiles(first, ['dataset'], temporaryFolder(), context)).rejects.toMatchObject({
        code: 'repository-invalid',
      })
    }
  })
})
