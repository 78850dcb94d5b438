import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtRooms } from '../built-package.js'
import { forEachUpTo, spawnNode } from '../crash/spawn-node.js'
import { itInFull } from '../in-full.js'
import { everyNth } from '../whole.js'
import { gitIsMissing } from './git-http-backend.js'

const preload = resolve(import.meta.dirname, '../crash/kill-at-write.mjs')
const program = resolve(import.meta.dirname, 'walk-git.mjs')
const atOnce = 4
// Several hundred processes, each of which starts Node and flushes files.
const timeoutMs = 600_000
// A kill before any other call leaves what a kill after one of these leaves.
const changing = 'open,writeFile,rename,link,rm'
// `open` and `link` fail as `writeFile` and `rename` do.
const failing = 'mkdir,writeFile,sync,rename'

let folder: string
let rooms: string

if (gitIsMissing !== undefined)
  process.stderr.write(`skipped: crashes without the program git, since ${gitIsMissing}\n`)

const live = (root: string, environment: Readonly<Record<string, string>> = {}, files: readonly string[] = []) =>
  spawnNode(['--import', preload, program, rooms, root, ...files], {
    COUNT_UNDER: join(root, '.git'),
    ...environment,
  })

async function newFolder(name: string): Promise<string> {
  await mkdir(join(folder, name))
  return join(folder, name)
}

async function git(root: string, ...parameters: readonly string[]): Promise<string> {
  const env = { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1' }
  const { stdout, stderr } = await promisify(execFile)('git', [...parameters], { cwd: root, env })
  return stdout + stderr
}

/** Real git finds every object whole. Before the repository is complete there may be nothing to look at. */
async function expectSound(root: string, after: string): Promise<void> {
  if (!existsSync(join(root, '.git/HEAD'))) return
  // It also prints files among the objects that are none.
  const said = await git(root, 'fsck', '--full', '--strict', '--no-dangling', '--no-progress')
  expect(said.replaceAll(/^notice: .*\n/gm, ''), after).toBe('')
}

async function expectEndsWell(root: string, after: string): Promise<void> {
  expect(await live(root), after).toMatchObject({ code: 0, output: 'done' })
  await expectSound(root, after)
  expect(await git(root, 'status', '--porcelain', '--untracked-files=all'), after).toBe('')
  const lines = (await git(root, 'show', 'sheikh-ledger:ledger.jsonl')).trimEnd().split('\n')
  expect(
    lines.map((line) => JSON.parse(line).runId),
    after,
  ).toEqual(['one', 'two'])
  expect((await git(root, 'config', 'core.filemode')).trim(), after).toBe('true')
  const lock = join(root, '.git/index.lock')
  if (!existsSync(lock)) return
  // The crash came after everything else. The next commit removes the lock.
  expect(await live(root, {}, ['c.txt']), after).toMatchObject({ code: 0, output: 'done' })
  expect(existsSync(lock), after).toBe(false)
}

/** How many of these calls a life without a crash makes. */
async function countOf(calls: string, name: string): Promise<number> {
  const root = await newFolder(name)
  const countFile = join(folder, `${name}.txt`)
  expect(await live(root, { COUNT_ONLY: calls, COUNT_FILE: countFile })).toMatchObject({ code: 0, output: 'done' })
  await expectEndsWell(root, 'no crash')
  return Number(await readFile(countFile, 'utf8'))
}

describe.skipIf(gitIsMissing !== undefined)('a repository without the program git, after a crash', () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sheikh-git-crash-'))
    rooms = await builtRooms()
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('kill -9 at each write: git calls it sound, and the next run completes it', { timeout: timeoutMs }, async () => {
    const writes = await countOf(changing, 'count-kills')
    expect(writes).toBeGreaterThan(60)
    const every = everyNth(97, 9)
    await forEachUpTo(Math.floor(writes / every), atOnce, async (nth) => {
      const index = nth * every
      const after = `killed at write ${index}`
      const root = await newFolder(`kill-${index}`)
      const kill = { COUNT_ONLY: changing, KILL_AT: `${index}`, KILL_HALF: '1' }
      expect(await live(root, kill), after).toMatchObject({ signal: 'SIGKILL' })
      await expectSound(root, after)
      await expectEndsWell(root, after)
      await rm(root, { recursive: true })
    })
  })

  itInFull(
    'a disk that fails from any write on: storage-failed, and git calls it sound',
    {
      timeout: timeoutMs,
    },
    async () => {
      const writes = await countOf(failing, 'count-failures')
      const every = everyNth(131, 13)
      await forEachUpTo(Math.floor(writes / every), atOnce, async (nth) => {
        const index = nth * every
        const code = index % 2 === 0 ? 'ENOSPC' : 'EIO'
        const after = `${code} at write ${index}`
        const root = await newFolder(`fail-${index}`)
        const failure = { COUNT_ONLY: failing, FAIL_AT: `${index}`, FAIL_STAYS: '1', FAIL_CODE: code }
        const ended = await live(root, failure)
        expect(ended.signal, ended.output).toBe(null)
        if (ended.code !== 0)
          expect(ended.output, after).toMatch(new RegExp(`^storage-failed retryable=\\w+ SheikhError .*\\(${code}\\)`))
        await expectSound(root, after)
        await expectEndsWell(root, after)
        await rm(root, { recursive: true })
      })
    },
  )

  it('flushes each object, and the folder that holds its name', async () => {
    const root = await newFolder('flushes')
    const countFile = join(folder, 'flushes.txt')
    const counting = { COUNT_UNDER: join(root, '.git/objects'), COUNT_ONLY: 'sync,fsync', COUNT_FILE: countFile }
    expect(await live(root, counting)).toMatchObject({ code: 0, output: 'done' })
    const objects = Number(/^count: (\d+)$/m.exec(await git(root, 'count-objects', '-v'))?.[1])
    expect(objects).toBeGreaterThan(10)
    expect(Number(await readFile(countFile, 'utf8'))).toBeGreaterThanOrEqual(2 * objects)
  })
})
