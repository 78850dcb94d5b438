import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { commit, initGitRepository, isInRepository, openGit } from '../../src/repository/git/index.js'
import { withIndexLock } from '../../src/repository/git/isomorphic/index-lock.js'
import { hostProcesses } from '../../src/store/index.js'
import { gitIsMissing } from './git-http-backend.js'
import { git as nativeGit, temporaryFolder, write } from './harness.js'

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }

async function repository() {
  const root = temporaryFolder()
  await initGitRepository(root, context, { program: false })
  const git = await openGit(root, context, { program: false })
  const commitFile = (path: string) => {
    write(root, path)
    return commit(git, { message: path, author, paths: [path] }, context)
  }
  return { root, git, lock: join(root, '.git/index.lock'), commitFile }
}

it.skipIf(gitIsMissing !== undefined || process.platform !== 'linux')(
  'a name that is not UTF-8 is left to git, before anything is changed',
  async () => {
    const { root, git, commitFile } = await repository()
    await commitFile('a.txt')
    const folder = Buffer.concat([Buffer.from(`${root}/data/caf`), Buffer.from([0xe9])])
    mkdirSync(folder, { recursive: true })
    await expect(git.changes(['data'], context)).rejects.toMatchObject({
      message: expect.stringContaining('the file name "data/caf\uFFFD" is not UTF-8'),
    })
    rmdirSync(folder)
    writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), 'Latin-1')
    nativeGit(root, 'add', '-A')
    const index = readFileSync(join(root, '.git/index'))
    await expect(commitFile('b.txt')).rejects.toMatchObject({
      code: 'repository-invalid',
      message: expect.stringContaining('is not UTF-8'),
    })
    expect(readFileSync(join(root, '.git/index'))).toEqual(index)
  },
)

describe('the lock of the index', () => {
  it('is removed at once if the process that it names is gone', async () => {
    const { lock, commitFile } = await repository()
    const gone = spawnSync(process.execPath, ['-e', ''])
    writeFileSync(lock, JSON.stringify({ ...hostProcesses.self(), pid: gone.pid }))
    await commitFile('a.txt')
    expect(existsSync(lock)).toBe(false)
  })

  it.each([
    ['names a process that lives', JSON.stringify(hostProcesses.self())],
    ['is git’s own, which is empty at first', ''],
    ['is git’s own, which becomes the index', 'DIRC\0\0\0\x02'],
  ])('is left where it %s', async (_, content) => {
    const { lock, commitFile } = await repository()
    writeFileSync(lock, content)
    await expect(commitFile('a.txt')).rejects.toMatchObject({ code: 'locked', facts: { path: lock } })
    expect(readFileSync(lock, 'utf8')).toBe(content)
  })

  it('of a process on another machine is removed once it shows no sign of life', async () => {
    const { git, lock } = await repository()
    writeFileSync(lock, JSON.stringify({ ...hostProcesses.self(), bootId: 'another', hostname: 'elsewhere' }))
    let alive = true
    const touching = setInterval(() => alive && utimesSync(lock, new Date(), new Date()), 10)
    try {
      await expect(withIndexLock(git.directory, async () => 'mine', context, 200)).rejects.toMatchObject({
        code: 'locked',
      })
      alive = false
      expect(await withIndexLock(git.directory, async () => 'mine', context, 200)).toBe('mine')
    } finally {
      clearInterval(touching)
    }
    expect(existsSync(lock)).toBe(false)
  })

  it('removes old temporary files of killed writers, and no young ones', async () => {
    const { root, commitFile } = await repository()
    const names = ['old', 'young'].map((name) => `.${name}.00000000-0000-4000-8000-000000000000.tmp`)
    for (const name of names) writeFileSync(join(root, '.git', name), 'half')
    utimesSync(join(root, '.git', names[0]!), 1, 1)
    await commitFile('a.txt')
    expect(readdirSync(join(root, '.git')).filter((name) => name.endsWith('.tmp'))).toEqual([names[1]])
  })
})

it('an object that an earlier crash damaged is written again, and a whole one is left as it is', async () => {
  const { root, git } = await repository()
  const content = Buffer.from('a sample')
  const oid = await git.writeBlob(content)
  const path = join(root, '.git/objects', oid.slice(0, 2), oid.slice(2))
  const whole = readFileSync(path)
  for (const damaged of [Buffer.alloc(0), whole.subarray(0, 9)]) {
    writeFileSync(path, damaged)
    expect(await git.writeBlob(content)).toBe(oid)
    expect(Buffer.from(await git.readBlob(oid))).toEqual(content)
  }
  utimesSync(path, 1, 1)
  await git.writeBlob(content)
  const { mtimeMs } = statSync(path)
  expect(mtimeMs).toBe(1000)
})

it('a folder whose repository a crash left without HEAD is completed, with the settings of its file system', async () => {
  const root = temporaryFolder()
  // As isomorphic-git writes the file, and then stops.
  write(root, '.git/config', '[core]\n\trepositoryformatversion = 0\n\tfilemode = false\n\tbare = false\n')
  await initGitRepository(root, context, { program: false })
  const git = await openGit(root, context, { program: false })
  expect(await git.branch()).toBe('refs/heads/main')
  expect(await git.config('core.filemode')).toBe(process.platform === 'win32' ? 'false' : 'true')
})

it.each([false, undefined] as const)(
  'no repository is found above GIT_CEILING_DIRECTORIES (program: %s)',
  async (program) => {
    const { root } = await repository()
    const below = join(root, 'a/b')
    mkdirSync(below, { recursive: true })
    const link = join(temporaryFolder(), 'link')
    symlinkSync(root, link)
    const opened = (ceilings: string) =>
      openGit(below, context, { program, environment: { ...process.env, GIT_CEILING_DIRECTORIES: ceilings } })
    for (const ceilings of ['', 'relative', `${root}/a/b`, `${root}/elsewhere`])
      expect((await opened(ceilings)).root, ceilings).toBe(realpathSync(root))
    for (const ceilings of [root, `${root}/`, `${root}/a`, `/nowhere${delimiter}${root}`, link])
      await expect(opened(ceilings), ceilings).rejects.toMatchObject({ code: 'repository-invalid' })
    expect(isInRepository(below, { GIT_CEILING_DIRECTORIES: root })).toBe(false)
  },
)
