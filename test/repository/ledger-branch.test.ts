import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { platform } from 'node:process'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { storeLedger } from '../../src/gate/index.js'
import { gitBranchLedger, openGit } from '../../src/repository/git/index.js'
import { hostProcesses } from '../../src/store/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { isWhole, sampleOf } from '../whole.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, gitCheck, gitStatus } from './harness.js'
import { approval, branch, clone, context, editLines, runIds, seenRef, tamper } from './ledger-clone.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: the ledger's branch, since ${gitIsMissing}\n`)

describe.skipIf(gitIsMissing !== undefined)('the ledger of a clone without a remote', () => {
  it('is a branch of its own: one commit an entry, and work tree, index and HEAD stay as they are', async () => {
    const { root, ledger } = await clone()
    const before = [git(root, 'rev-parse', 'HEAD'), readFileSync(join(root, '.git/index')).toString('hex')]
    expect(await ledger.read(context)).toEqual([])
    for (const runId of ['a', 'b', 'c']) await ledger.append(approval(runId), context)
    expect(await runIds(ledger)).toEqual(['a', 'b', 'c'])
    expect([git(root, 'rev-parse', 'HEAD'), readFileSync(join(root, '.git/index')).toString('hex')]).toEqual(before)
    expect(gitStatus(root)).toBe('')
    expect(git(root, 'log', '--format=%s', branch).trim().split('\n')).toEqual(
      ['c', 'b', 'a'].map((id) => `Ledger: approval ${id}`),
    )
    expect(git(root, 'show', `${branch}:ledger.jsonl`).trim().split('\n')).toHaveLength(3)
    expect(git(root, 'rev-list', '--count', branch, '^main').trim()).toBe('3')
    expect(git(root, 'rev-list', '--count', branch).trim()).toBe('3')
    gitCheck(root)
  })

  it('is read anew and from packed names too', async () => {
    const { root, ledger, again } = await clone()
    await ledger.append(approval('a'), context)
    git(root, 'gc', '--quiet')
    const other = await again()
    await other.append(approval('b'), context)
    expect(await runIds(ledger)).toEqual(['a', 'b'])
    expect(ledger.name).toBe('git-branch')
  })

  it('takes every one of the writers that race', async () => {
    const { again, root } = await clone()
    const names = Array.from({ length: isWhole ? 8 : 4 }, (_, index) => `r${index}`)
    await Promise.all(names.map(async (name) => (await again()).append(approval(name), context)))
    expect((await runIds(await again())).sort()).toEqual(names)
    gitCheck(root)
  })

  it('is shared by the projects of a repository, each with lines of its own', async () => {
    const { again, root } = await clone()
    const [one, two] = [await again({ prefix: 'models/one' }), await again({ prefix: 'models/two' })]
    await one.append(approval('1'), context)
    await two.append(approval('2'), context)
    await one.append(approval('3'), context)
    expect(await runIds(one)).toEqual(['1', '3'])
    expect(await runIds(two)).toEqual(['2'])
    expect(git(root, 'ls-tree', '-r', '--name-only', branch).trim().split('\n')).toEqual([
      'models/one/ledger.jsonl',
      'models/two/ledger.jsonl',
    ])
    gitCheck(root)
  })

  it('begins with the lines of an earlier one, unchanged', async () => {
    const { journals } = memoryStore()
    for (const runId of ['old', 'older']) await storeLedger({ journals }).append(approval(runId), context)
    const earlier = () => journals.read('ledger')
    const { again, root } = await clone()
    const ledger = await again({ earlier })
    expect(await runIds(ledger)).toEqual(['old', 'older'])
    expect(git(root, 'for-each-ref', branch)).toBe('')
    await ledger.append(approval('new'), context)
    const lines = git(root, 'show', `${branch}:ledger.jsonl`).trim().split('\n')
    expect(lines.slice(0, 2)).toEqual(await earlier())
    expect(await runIds(await again({ earlier }))).toEqual(['old', 'older', 'new'])
  })

  it('is never written into a branch that is checked out, or one of something else', async () => {
    const { again } = await clone()
    const main = await again({ branch: 'main' })
    await expect(main.append(approval('a'), context)).rejects.toMatchObject({ code: 'invalid-config' })
    const { root, again: open } = await clone()
    git(root, 'checkout', '--quiet', '--orphan', 'sheikh-ledger')
    await expect((await open()).append(approval('a'), context)).rejects.toMatchObject({ code: 'repository-invalid' })
    expect(git(root, 'status', '--porcelain').trim()).toBe('A  README.md')
  })

  it.each(sampleOf([`${branch}.lock`, `${seenRef}.lock`], 1))(
    'removes %s, which a killed program left behind',
    async (name) => {
      const { root, again } = await clone()
      const ledger = await again({ staleLockMs: 100 })
      await ledger.append(approval('a'), context)
      const lock = join(root, '.git', name)
      writeFileSync(lock, '')
      await ledger.append(approval('b'), context)
      expect(existsSync(lock)).toBe(false)
      expect(await runIds(await again())).toEqual(['a', 'b'])
      expect(git(root, 'rev-parse', seenRef)).toBe(git(root, 'rev-parse', branch))
      gitCheck(root)
    },
  )

  it('removes at once a lock that names a process which is gone', async () => {
    const { root, again } = await clone()
    const ledger = await again({ staleLockMs: 3_600_000 })
    await ledger.append(approval('a'), context)
    const gone = spawnSync(process.execPath, ['-e', ''])
    writeFileSync(join(root, '.git', `${branch}.lock`), JSON.stringify({ ...hostProcesses.self(), pid: gone.pid }))
    await ledger.append(approval('b'), context)
    expect(await runIds(ledger)).toEqual(['a', 'b'])
  })

  it.each(sampleOf([`${branch}.lock`, `${seenRef}.lock`], 1))(
    'reports %s while a program that works in the repository may hold it, and never only warns',
    async (name) => {
      const { root, again } = await clone()
      const ledger = await again({ staleLockMs: 100 })
      await ledger.append(approval('a'), context)
      const lock = join(root, '.git', name)
      const alive = { ...hostProcesses.self() }
      writeFileSync(lock, JSON.stringify(alive))
      await expect(ledger.append(approval('b'), context)).rejects.toMatchObject({
        code: 'locked',
        facts: { path: lock },
      })
      expect(existsSync(lock)).toBe(true)
      rmSync(lock)
      await ledger.append(approval('c'), context)
      expect((await runIds(ledger)).at(-1)).toBe('c')
    },
  )

  it.runIf(isWhole && platform === 'linux')('removes no lock while git works in the repository', async () => {
    const { root, again } = await clone()
    const ledger = await again({ staleLockMs: 100 })
    await ledger.append(approval('a'), context)
    const lock = join(root, '.git', `${branch}.lock`)
    writeFileSync(lock, '')
    const working = spawn('git', ['cat-file', '--batch'], { cwd: root })
    try {
      await once(working, 'spawn')
      await expect(ledger.append(approval('b'), context)).rejects.toMatchObject({ code: 'locked' })
    } finally {
      working.stdin.end()
      await once(working, 'close')
    }
    await ledger.append(approval('b'), context)
    expect(await runIds(ledger)).toEqual(['a', 'b'])
  })

  it.each(sampleOf(['', '^{tree}', ':ledger.jsonl'], 1))(
    'restores the last commit%s that a power failure left empty, cut off or missing',
    async (part) => {
      const { root, ledger, again } = await clone()
      await ledger.append(approval('a'), context)
      for (const [index, damage] of [() => '', (bytes: Buffer) => bytes.subarray(0, 12), undefined].entries()) {
        await ledger.append(approval(`b${index}`), context)
        const oid = git(root, 'rev-parse', `${branch}${part}`).trim()
        const path = join(root, '.git/objects', oid.slice(0, 2), oid.slice(2))
        const bytes = readFileSync(path)
        rmSync(path)
        if (damage !== undefined) writeFileSync(path, damage(bytes))
        const fresh = await again()
        expect((await runIds(fresh)).at(-1)).toBe(`b${index}`)
        await fresh.append(approval('c'), context)
        gitCheck(root)
      }
    },
  )

  it('stops when it is aborted, with the reason untouched', async () => {
    const reason = new Error('enough')
    const aborted = callContext({ signal: AbortSignal.abort(reason) })
    const { ledger } = await clone()
    await expect(ledger.read(aborted)).rejects.toBe(reason)
    await expect(ledger.append(approval('a'), aborted)).rejects.toBe(reason)
  })

  it('names a remote that is not there', async () => {
    const { ledger } = await clone(undefined, { remote: 'upstream' })
    await expect(ledger.read(context)).rejects.toMatchObject({ code: 'invalid-config', facts: { remote: 'upstream' } })
  })
})

describe.skipIf(gitIsMissing !== undefined)('a branch that somebody changed', () => {
  async function written() {
    const made = await clone()
    for (const runId of ['a', 'b', 'c']) await made.ledger.append(approval(runId), context)
    return made
  }

  const edits = [
    ['edited', (lines: readonly string[]) => lines.with(1, lines[1]!.replace('Ann', 'Bob'))],
    ['edited at the end', (lines: readonly string[]) => lines.with(2, lines[2]!.replace('Ann', 'Bob'))],
    ['dropped', (lines: readonly string[]) => lines.toSpliced(1, 1)],
    ['dropped at the end', (lines: readonly string[]) => lines.slice(0, 2)],
    ['dropped altogether', () => []],
    ['reordered', (lines: readonly string[]) => [lines[0]!, lines[2]!, lines[1]!]],
  ] as const
  it.each(edits.filter((_, index) => isWhole || index % 5 === 0))(
    'by a commit on top, a line %s, is found at the next read, by whoever saw it before',
    async (_, change) => {
      const { root, ledger, again } = await written()
      editLines(root, change)
      for (const reader of [ledger, await again()]) {
        await expect(reader.read(context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
        await expect(reader.append(approval('d'), context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
      }
      expect(gitStatus(root)).toBe('')
    },
  )

  it('by a force-push is found, with both commits and the remedy', async () => {
    const { root, again, at } = await written()
    const seen = at(branch)
    expect(at(seenRef)).toBe(seen)
    tamper(root, (folder) => git(folder, 'reset', '--quiet', '--hard', 'HEAD~1'))
    const found = at(branch)
    await expect((await again()).read(context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
      message: expect.stringMatching(`${found}.*${seen}.*git update-ref -d ${seenRef}`),
      facts: { found, seen },
    })
    git(root, 'update-ref', '-d', seenRef)
    expect(await runIds(await again())).toEqual(['a', 'b'])
  })

  it('by deleting it is found', async () => {
    const { root, again, at } = await written()
    const seen = at(branch)
    git(root, 'branch', '--quiet', '-D', 'sheikh-ledger')
    await expect((await again()).append(approval('d'), context)).rejects.toMatchObject({
      code: 'artifact-corrupt',
      facts: { found: null, seen },
    })
  })

  it('by damaging what Git keeps is found', async () => {
    const { root, again } = await written()
    const blob = git(root, 'rev-parse', `${branch}:ledger.jsonl`).trim()
    const path = join(root, '.git/objects', blob.slice(0, 2), blob.slice(2))
    rmSync(path)
    mkdirSync(join(path, '..'), { recursive: true })
    rmSync(join(root, '.git/sheikh'), { recursive: true })
    await expect((await again()).read(context)).rejects.toMatchObject({ code: 'artifact-corrupt' })
  })

  it.each(sampleOf([false, 'git'] as const, 1))(
    'by losing its last commit is an error that says what to do (program: %s)',
    async (program) => {
      const { root, at } = await written()
      const tip = at(branch)
      rmSync(join(root, '.git/objects', tip.slice(0, 2), tip.slice(2)))
      rmSync(join(root, '.git/sheikh'), { recursive: true })
      const ledger = gitBranchLedger(await openGit(root, context, { program }))
      for (const act of [() => ledger.read(context), () => ledger.append(approval('e'), context)])
        await expect(act()).rejects.toMatchObject({
          code: 'artifact-corrupt',
          message: expect.stringContaining('Fetch it from another clone'),
        })
    },
  )
})

it.skipIf(gitIsMissing !== undefined)('a second read of the same commit reads no file again', async () => {
  const { root, again } = await clone()
  await (await again()).append(approval('a'), context)
  const opened = await openGit(root, context)
  let reads = 0
  const readBlob: typeof opened.readBlob = (oid) => {
    reads += 1
    return opened.readBlob(oid)
  }
  const ledger = gitBranchLedger({ ...opened, readBlob })
  await ledger.read(context)
  await ledger.read(context)
  await ledger.append(approval('b'), context)
  await ledger.read(context)
  expect(reads).toBe(1)
})
