import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type CallContext, callContext } from '../../src/core/index.js'
import {
  type AskedDataset,
  Dataset,
  pinnedSet,
  proposePinnedSet,
  type Source,
  sampleFiles,
} from '../../src/dataset/index.js'
import { type Git, openGit, unchangedBlobs } from '../../src/repository/git/index.js'
import { later, memoryDocuments } from '../dataset/temporary.js'

const base = mkdtempSync(join(tmpdir(), 'sheikh-content-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

const folder = 'data/samples'
let count = 0
let root: string
let git: Git

const run = (...parameters: readonly string[]) =>
  execFileSync('git', ['-C', root, ...parameters], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
const at = (path: string) => join(root, path)
const put = (path: string, content: string) => {
  mkdirSync(at(join(path, '..')), { recursive: true })
  writeFileSync(at(path), content)
}
const sample = (index: number, text = `text ${index}`) =>
  JSON.stringify({ id: `s${index}`, text, label: index % 2 === 0 ? 'even' : 'odd' })
const contentOf = () => git.folderContent!(folder, callContext())

async function makeRepository(): Promise<void> {
  count += 1
  root = join(base, `a [*] ${count}`)
  mkdirSync(root)
  run('init', '--quiet', '--initial-branch=main')
  put('.gitignore', '*.ignored\n.store/\n')
  put('code.txt', 'code')
  put('data/samples-of-others/1.json', sample(1))
  for (let index = 0; index < 6; index += 1) put(`${folder}/part-${index % 2}/${index}.json`, sample(index))
  run('add', '.')
  run('commit', '--quiet', '-m', 'Samples')
  git = await openGit(root, callContext())
}

beforeEach(makeRepository)

describe('the name of the content of a folder', () => {
  it('stays the same while nothing changes', async () => {
    const name = await contentOf()
    expect(name).toMatch(/^[0-9a-f]{64}$/)
    expect(await contentOf()).toBe(name)
  })

  it.each<[string, () => void]>([
    ['a file elsewhere is edited', () => put('code.txt', 'other')],
    ['a file in a folder with a longer name is edited', () => put('data/samples-of-others/1.json', sample(2))],
    ['a hidden file is ignored', () => put(`${folder}/.DS_Store.ignored`, 'x')],
    ['a file elsewhere is committed', () => commit('code.txt', 'other')],
  ])('stays the same if %s', async (_, change) => {
    const name = await contentOf()
    change()
    expect(await contentOf()).toBe(name)
  })

  it.each<[string, () => void]>([
    ['a committed file', () => commit(`${folder}/part-0/0.json`, sample(0, 'other'))],
    ['a file that was added and committed', () => commit(`${folder}/9.json`, sample(9))],
    ['attributes of the root', () => put('.gitattributes', '*.json ident\n')],
    ['attributes of the clone', () => put('.git/info/attributes', '*.json ident\n')],
    ['attributes of the user', () => attributesOfUser('*.json ident\n')],
  ])('is another one after %s', async (_, change) => {
    attributesOfUser('')
    const name = await contentOf()
    expect(name).toBeDefined()
    change()
    const other = await contentOf()
    expect(other).toBeDefined()
    expect(other).not.toBe(name)
  })

  it.each<[string, () => void]>([
    ['an edited file', () => put(`${folder}/part-0/0.json`, sample(0, 'other'))],
    ['an edit of the same size whose time is set back', () => editUnseen(`${folder}/part-0/0.json`)],
    ['a staged file', () => stage(`${folder}/part-0/0.json`, sample(0, 'other'))],
    ['a file that is not in Git', () => put(`${folder}/9.json`, sample(9))],
    ['an ignored file', () => put(`${folder}/9.ignored`, sample(9))],
    ['a file in an ignored folder', () => ignore('data/')],
    ['hidden attributes that are not in Git', () => put(`${folder}/.gitattributes`, '*.json ident\n')],
    ['a deleted file', () => rmSync(at(`${folder}/part-0/0.json`))],
    ['a renamed file', () => renameSync(at(`${folder}/part-0/0.json`), at(`${folder}/part-0/00.json`))],
    ['a folder in place of a file', () => replaceByFolder(`${folder}/part-0/0.json`)],
    ['a link in place of a folder', () => replaceByLink(`${folder}/part-0`)],
    ['a committed link', () => commitLink(`${folder}/link.json`)],
    ['a repository inside', () => execFileSync('git', ['init', '--quiet', at(`${folder}/inner`)])],
    ['a submodule', () => addSubmodule()],
    ['an assumed-unchanged file', () => run('update-index', '--assume-unchanged', `${folder}/part-0/0.json`)],
    [
      'a file that is left out of the work tree',
      () => run('update-index', '--skip-worktree', `${folder}/part-0/0.json`),
    ],
    ['a file to be added', () => intend(`${folder}/9.json`)],
    ['a sparse checkout', () => run('sparse-checkout', 'set', 'data/samples-of-others')],
    ['an index with shortened paths', () => run('update-index', '--index-version', '4')],
    ['a split index', () => run('update-index', '--split-index')],
    ['an untracked cache', () => run('update-index', '--force-untracked-cache')],
    ['core.trustctime', () => run('config', 'core.trustctime', 'false')],
    ['an empty core.trustctime, which means false', () => run('config', 'core.trustctime', '')],
    ['core.checkStat', () => run('config', 'core.checkStat', 'minimal')],
    ['core.ignoreStat', () => run('config', 'core.ignoreStat', 'true')],
    ['core.fsmonitor', () => run('config', 'core.fsmonitor', '/bin/true')],
    ['core.ignoreCase', () => run('config', 'core.ignoreCase', 'true')],
    ['core.precomposeUnicode', () => run('config', 'core.precomposeUnicode', 'true')],
    ['attributes in a commit', () => run('config', 'attr.tree', 'HEAD')],
    ['attributes of another user', () => run('config', 'core.attributesFile', '~root/attributes')],
    ['no index', () => rmSync(at('.git/index'))],
  ])('is not known with %s', async (_, change) => {
    expect(await contentOf()).toBeDefined()
    change()
    expect(await contentOf()).toBeUndefined()
  })

  it('is not known for the whole repository, and outside of it', async () => {
    expect(await git.folderContent!('', callContext())).toBeUndefined()
    expect(await git.folderContent!('../other', callContext())).toBeUndefined()
    expect(await git.folderContent!('data/none', callContext())).toBeUndefined()
  })

  it('uses no comparison that began before the call, though it has not ended', async () => {
    const name = await contentOf()
    const { program, hasCompared, answer } = slowGit()
    git = await openGit(root, callContext(), { program })
    const changes = git.changes(['data'], callContext())
    await hasCompared()
    put(`${folder}/9.json`, sample(9))
    const asked = contentOf()
    answer()
    expect(await changes).toMatchObject({ changed: [] })
    expect(await asked).toBeUndefined()
    rmSync(at(`${folder}/9.json`))
    expect(await contentOf()).toBe(name)
  })

  it('uses a comparison that began after the call', async () => {
    const name = await contentOf()
    // Both wait for the settings of Git first, and a file that changes until then is seen by both.
    const asked = [contentOf(), contentOf()]
    const changes = git.changes(['data'], callContext())
    expect(await Promise.all(asked)).toEqual([name, name])
    expect(await changes).toMatchObject({ changed: [], deleted: [] })
    put(`${folder}/9.json`, sample(9))
    expect(await contentOf()).toBeUndefined()
  })

  it('uses no comparison that ended before the call, or is about other files', async () => {
    await git.changes(['data'], callContext())
    put(`${folder}/9.json`, sample(9))
    const others = git.changes(['code.txt'], callContext())
    expect(await contentOf()).toBeUndefined()
    await others
  })
})

describe('a dataset in Git', () => {
  it('is recognised without listing its files', async () => {
    // Files are listed as well while Git compares them for longer than 50 ms, so the name is asked for before.
    const { open, listings } = await dataset({ isAsked: true })
    await open()
    await open()
    const before = listings()
    const { summary } = await open()
    expect(listings()).toBe(before)
    expect(summary.counts.rows).toBe(6)
  })

  it.each(['that is the same', 'that changed'])(
    'of which a slow comparison names the content: one %s',
    async (kind) => {
      const { open, uncached } = await dataset({ delayMs: 200 })
      await open()
      await open()
      if (kind === 'that changed') put(`${folder}/9.json`, sample(9))
      expect((await open()).summary).toEqual((await uncached()).summary)
    },
  )

  it('is listed if an attribute may convert a file', async () => {
    commit('.gitattributes', '*.json ident\n')
    const { open, listings, checks } = await dataset()
    await open()
    await open()
    const before = listings()
    await open()
    expect(listings()).toBeGreaterThan(before)
    // All files were looked at once, to know that this content is not to be cached.
    expect(checks()).toBe(1)
  })

  it('may be asked before it is opened: its samples are those of a moment since then', async () => {
    const { open, ask, openAsked } = await dataset()
    const known = await open()
    await open()
    const asked = ask()
    await asked.ended
    const opened = await openAsked(asked)
    expect(opened.summary).toEqual(known.summary)
    // One that changed after the answer is not mixed with the others.
    const before = ask()
    await before.ended
    put(`${folder}/9.json`, sample(9))
    const stale = await openAsked(before)
    expect(stale.summary).toEqual(known.summary)
    await expect(stale.snapshot()).rejects.toMatchObject({ code: 'dataset-changed' })
    expect((await openAsked(ask())).summary.fingerprint).not.toBe(known.summary.fingerprint)
  })

  it('does not believe what another dataset was asked', async () => {
    const [one, other] = [await dataset(), await dataset()]
    await one.open()
    const known = await one.open()
    const asked = one.ask()
    await asked.ended
    put(`${folder}/9.json`, sample(9))
    expect((await other.openAsked(asked)).summary.fingerprint).not.toBe(known.summary.fingerprint)
  })

  it('that is asked and not opened ends, also after an error', async () => {
    const { ask } = await dataset()
    rmSync(at('.git'), { recursive: true })
    await ask().ended
  })

  it('loads the rows that the summary describes, once', async () => {
    const { open } = await dataset()
    await open()
    const [opened, late] = [await open(), await open()]
    const snapshot = await opened.snapshot()
    expect(snapshot.summary).toEqual(opened.summary)
    put(`${folder}/part-0/0.json`, sample(0, 'other'))
    await expect(late.snapshot()).rejects.toMatchObject({ code: 'dataset-changed' })
    expect(await opened.snapshot()).toBe(snapshot)
    // A failure is forgotten.
    put(`${folder}/part-0/0.json`, sample(0))
    expect((await late.snapshot()).summary).toEqual(late.summary)
  })

  it('has the summary that its files have, after any changes', async () => {
    const file = fc.integer({ min: 0, max: 7 })
    const path = (index: number) => `${folder}/part-${index % 2}/${index}.json`
    const step = fc.oneof(
      file.map((index) => () => put(path(index), sample(index, `edit ${index}`))),
      file.map((index) => () => put(path(index), sample(index, `text ${index + 1}`))),
      file.map((index) => () => rmSync(at(path(index)), { force: true })),
      file.map((index) => () => put(path(index), sample(index))),
      fc.constant(() => run('add', '--all')),
      fc.constant(() => run('commit', '--quiet', '--allow-empty', '-a', '-m', 'Change')),
      fc.constant(() => run('checkout', '--quiet', '--force', 'HEAD')),
      fc.constant(() => run('stash', '--quiet', '--include-untracked')),
      fc.constant(() => run('status')),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 6 }), async (steps) => {
        await makeRepository()
        const { open, uncached } = await dataset()
        await open()
        for (const change of steps) {
          change()
          const real = await summaryOf(uncached)
          expect(await summaryOf(open)).toEqual(real)
          // Now it may be known.
          expect(await summaryOf(open)).toEqual(real)
        }
      }),
      { numRuns: 12 },
    )
  }, 120_000)
})

/** A `git` whose `status` compares the files, and answers later. */
function slowGit() {
  const [program, compared, told] = ['git.sh', 'compared', 'told'].map((name) => join(base, `${count}-${name}`)) as [
    string,
    string,
    string,
  ]
  const wait = `touch '${compared}'; while [ ! -e '${told}' ]; do sleep 0.02; done`
  const text = `#!/bin/sh\ngit "$@"; status=$?\ncase " $* " in *' status '*) ${wait};; esac\nexit $status\n`
  writeFileSync(program, text, { mode: 0o755 })
  return {
    program,
    async hasCompared() {
      while (!existsSync(compared)) await setTimeout(20)
    },
    answer: () => writeFileSync(told, ''),
  }
}

/** The summary, or the code of the error, as of a dataset with a pinned item that is gone. */
const summaryOf = async (open: () => Promise<{ summary: unknown }>) =>
  open().then(
    ({ summary }) => summary,
    (error: { code: string }) => error.code,
  )

async function dataset({ delayMs = 0, isAsked = false } = {}) {
  const directory = at(folder)
  const named: (string | undefined)[] = []
  const ask = async () => {
    if (isAsked) named.push(await contentOf())
  }
  const listed = sampleFiles({
    directory,
    async contentId(context) {
      if (named.length > 0) return named.shift()
      await setTimeout(delayMs)
      return git.folderContent!(folder, context)
    },
    contentIds(context) {
      checks += 1
      return unchangedBlobs(directory, process.env, context)
    },
  })
  let [listings, checks] = [0, 0]
  const source: Source = {
    ...listed,
    // One that begins while Git compares files, and is not needed, does not count.
    async list(context: CallContext) {
      const entries = await listed.list(context)
      listings += 1
      return entries
    },
  }
  const identities = await new Dataset({ source, input: 'text', target: 'label' }).identities(later())
  const evaluation = pinnedSet(proposePinnedSet(identities, { salt: 'test', share: 0.3 }))
  const data = new Dataset({ source, input: 'text', target: 'label', evaluation } as never)
  const cache = memoryDocuments()
  return {
    async open() {
      await ask()
      return data.open({ ...later(), cache })
    },
    ask: () => data.ask!({ ...later(), cache }),
    openAsked: (asked: AskedDataset) => data.open({ ...later(), cache }, asked),
    uncached: () => data.open(later()),
    listings: () => listings,
    checks: () => checks,
  }
}

function commit(path: string, content: string) {
  stage(path, content)
  run('commit', '--quiet', '-m', 'Change')
}

function stage(path: string, content: string) {
  put(path, content)
  run('add', path)
}

function editUnseen(path: string) {
  const { size, atime, mtime } = statSync(at(path))
  put(path, sample(0, 'TEXT 0'))
  utimesSync(at(path), atime, mtime)
  expect(statSync(at(path)).size).toBe(size)
}

function attributesOfUser(text: string) {
  put('attributes-of-user', text)
  run('config', 'core.attributesFile', at('attributes-of-user'))
}

function ignore(path: string) {
  put('.git/info/exclude', `${path}\n`)
  put(`${folder}/9.json`, sample(9))
}

function replaceByFolder(path: string) {
  rmSync(at(path))
  put(`${path}/0.json`, sample(0))
}

function replaceByLink(path: string) {
  renameSync(at(path), at('elsewhere'))
  symlinkSync(at('elsewhere'), at(path))
}

function commitLink(path: string) {
  symlinkSync('part-0/0.json', at(path))
  run('add', path)
  run('commit', '--quiet', '-m', 'Link')
}

function addSubmodule() {
  execFileSync('git', ['clone', '--quiet', root, at('../inner')], { stdio: 'ignore' })
  run('-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', at('../inner'), `${folder}/inner`)
  run('commit', '--quiet', '-m', 'Submodule')
  rmSync(at('../inner'), { recursive: true })
}

function intend(path: string) {
  put(path, sample(9))
  run('add', '--intent-to-add', path)
}
