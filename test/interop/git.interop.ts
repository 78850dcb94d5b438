// What the program git does with programs and protocols that `npm test` cannot rely on: Git LFS, partial and shallow clones.
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, sampleFiles } from '../../src/dataset/index.js'
import { commit, openGit, revert } from '../../src/repository/git/index.js'
import { gitLfs } from '../../src/repository/lfs/index.js'
import { lfsPointerOf } from '../../src/store/index.js'
import { git, gitStatus, temporaryFolder, write } from '../repository/harness.js'
import { oidOf, startLfs } from '../repository/lfs-server.js'

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
      message: expect.stringMatching(/attributes.*Install git/),
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

describe.skipIf(noLfs)('git-lfs as a peer', () => {
  const content = sample('large').repeat(5000)

  /** A repository that git-lfs made, and a clone of it with pointers. */
  function cloned(remote?: string) {
    const root = repository()
    git(root, 'lfs', 'install', '--local', '--skip-repo')
    git(root, 'lfs', 'track', '*.jsonl')
    write(root, 'dataset/big.jsonl', content)
    write(root, 'dataset/empty.jsonl', '')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'large')
    const copy = join(temporaryFolder(), 'copy')
    git(root, 'clone', '-q', root, copy)
    if (remote !== undefined) git(copy, 'config', 'remote.origin.url', remote)
    const text = readFileSync(join(copy, 'dataset/big.jsonl'))
    const { oid, sizeBytes } = lfsPointerOf(text)!
    expect({ oid, sizeBytes }).toEqual({ oid: oidOf(content), sizeBytes: content.length })
    expect(git(copy, 'lfs', 'ls-files', '--long')).toContain(oid)
    return { copy, file: { oid, sizeBytes: sizeBytes!, path: 'dataset/big.jsonl' } }
  }
  const withFilters = (copy: string) => git(copy, 'lfs', 'install', '--local', '--skip-repo')

  it('finds what was fetched from a folder, without its remote', async () => {
    const { copy, file } = cloned()
    const path = await gitLfs({ directory: copy })(file, context)
    expect(path).toBe(join(copy, '.git/lfs/objects', file.oid.slice(0, 2), file.oid.slice(2, 4), file.oid))
    git(copy, 'config', 'remote.origin.url', 'http://127.0.0.1:1/gone')
    withFilters(copy)
    git(copy, 'lfs', 'pull')
    expect(readFileSync(join(copy, 'dataset/big.jsonl'), 'utf8')).toBe(content)
    git(copy, 'lfs', 'fsck')
    expect(gitStatus(copy)).toBe('')
  })

  it('pulls the same files that trainers get without it, and neither changes the rows', async () => {
    const root = repository()
    git(root, 'lfs', 'install', '--local', '--skip-repo')
    git(root, 'lfs', 'track', '*.bin')
    for (const name of ['a', 'b']) write(root, `dataset/files/${name}.bin`, `${name}\0`.repeat(1000))
    write(root, 'dataset/files/plain.txt', 'not in Git LFS')
    write(
      root,
      'dataset/samples/all.jsonl',
      `{"id":"1","file":["files/a.bin","files/plain.txt"]}\n{"id":"2","file":"files/b.bin"}\n`,
    )
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'files')
    const copy = join(temporaryFolder(), 'copy')
    git(root, 'clone', '-q', root, copy)
    const open = async () => {
      const dataset = new Dataset({
        source: sampleFiles(join(copy, 'dataset/samples')),
        input: 'id',
        files: {
          directory: join(copy, 'dataset'),
          fields: ['file'],
          largeFiles: gitLfs({ directory: copy }),
        },
      })
      return { dataset, rows: await dataset.identities() }
    }
    const pointers = await open()
    expect(readFileSync(join(copy, 'dataset/files/a.bin'), 'utf8')).toMatch(/^version https/)
    await pointers.dataset.project([{ id: '3', file: ['files/a.bin', 'files/b.bin', 'files/plain.txt'] }])
    const folder = (await pointers.dataset.openFiles!(join(temporaryFolder(), 'files'), context))!
    expect(gitStatus(copy)).toBe('')
    withFilters(copy)
    git(copy, 'lfs', 'pull')
    for (const name of ['a.bin', 'b.bin', 'plain.txt'])
      expect(readFileSync(join(folder, 'files', name))).toEqual(readFileSync(join(copy, 'dataset/files', name)))
    git(copy, 'lfs', 'fsck')
    const files = await open()
    expect(files.rows).toEqual(pointers.rows)
    await files.dataset.project([{ id: '3', file: 'files/a.bin' }])
    expect(await files.dataset.openFiles!(join(temporaryFolder(), 'files'), context)).toBe(join(copy, 'dataset'))
  })

  it('and this library get the same from a server, and from each other', async () => {
    const server = await startLfs([content])
    const { copy, file } = cloned(`${server.url}/ns/data`)
    const path = await gitLfs({ directory: copy })(file, context)
    expect(readFileSync(path, 'utf8')).toBe(content)
    withFilters(copy)
    git(copy, 'lfs', 'pull')
    expect(readFileSync(join(copy, 'dataset/big.jsonl'), 'utf8')).toBe(content)
    // git-lfs found the object in the store.
    expect(server.asked.filter(({ method }) => method === 'GET').length).toBe(1)
    const { copy: other } = cloned(`${server.url}/ns/data`)
    // It waits for the server, which is in this process.
    await promisify(execFile)('git', ['lfs', 'fetch'], { cwd: other })
    const paths = server.asked.map((request) => `${request.method} ${request.path}`)
    expect(paths.slice(2)).toEqual(paths.slice(0, 2))
    await gitLfs({ directory: other })(file, context)
    expect(server.asked.length).toBe(paths.length)
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
