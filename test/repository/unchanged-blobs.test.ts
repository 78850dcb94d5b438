import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { type CallContext, callContext } from '../../src/core/index.js'
import { Dataset, type Source, type SourceEntry, sampleFiles } from '../../src/dataset/index.js'
import { unchangedBlobs } from '../../src/repository/git/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { itInFull } from '../in-full.js'
import { sampleOf } from '../whole.js'

const base = mkdtempSync(join(tmpdir(), 'sheikh-blobs-'))
afterAll(() => rmSync(base, { recursive: true, force: true }))

const git = (directory: string, ...parameters: readonly string[]) =>
  execFileSync('git', ['-C', directory, ...parameters], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

let count = 0
let root: string

beforeEach(() => {
  count += 1
  root = join(base, `a [*] ${count}`)
  mkdirSync(join(root, 'data/samples'), { recursive: true })
  execFileSync('git', ['init', '--quiet', '--initial-branch=main', root])
  for (let index = 0; index < 5; index += 1) writeSample(root, index, `text ${index}`)
  for (const name of fill) writeFileSync(join(root, 'data/samples', name), JSON.stringify({ text: name }))
  writeFileSync(join(root, 'data/samples/table.csv'), 'id,text\nrow-1,"one\ntwo"\nrow-2,three\n')
  git(root, 'add', '.')
  git(root, 'commit', '--quiet', '-m', 'Samples')
})

function writeSample(root: string, index: number, text: string) {
  writeFileSync(
    join(root, `data/samples/${index}.json`),
    `${JSON.stringify({ id: `sample-${index}`, text }, null, 1)}\n`,
  )
}

/** Replaces a checkout by a new one at the same path, as CI does, with what the earlier one found out. */
function checkOutAgain(root: string, ...settings: readonly string[]): void {
  const moved = `${root}-${performance.now()}`
  renameSync(root, moved)
  execFileSync('git', [...settings, 'clone', '--quiet', '--no-hardlinks', moved, root], { stdio: 'ignore' })
  cpSync(join(moved, '.store'), join(root, '.store'), { recursive: true })
}

const forget = (root: string) => rmSync(join(root, '.store'), { recursive: true })

/**
 * Reads a dataset with the cache in its folder.
 *
 * @param until when `0.json` is read. @default with the others
 * @returns its rows, and the files that were opened.
 */
async function read(root: string, contentIds?: Source['contentIds'], until?: Promise<void>) {
  const directory = join(root, 'data/samples')
  const ids = contentIds ?? ((context: CallContext) => unchangedBlobs(directory, process.env, context))
  const files = sampleFiles({ directory, contentIds: ids })
  const opened: string[] = []
  const source: Source = {
    ...files,
    async list(context) {
      const entries = await files.list(context)
      return entries.map((entry) => ({
        ...entry,
        read: (readContext: CallContext) => {
          opened.push(entry.path)
          const isHeld = until !== undefined && entry.path === '0.json'
          return isHeld ? readAfter(until, entry, readContext) : entry.read(readContext)
        },
      }))
    },
  }
  // Late enough for all stamps to tell a file from a later one.
  const context = callContext({ clock: fixedClock(Date.now() + 60_000) })
  const cache = directoryStore(join(root, '.store')).documents
  const rows = await new Dataset({ source, input: 'text' }).identities({ ...context, cache })
  return { rows, opened: opened.sort() }
}

async function* readAfter(until: Promise<void>, entry: SourceEntry, context: CallContext) {
  await until
  const found = entry.read(context)
  if (found instanceof Promise) yield await found
  else yield* found
}

/** As many files as a scan needs before it asks Git. */
const fill = Array.from({ length: 256 }, (_, index) => `fill-${1000 + index}.json`)
const all = ['0.json', '1.json', '2.json', '3.json', '4.json', ...fill, 'table.csv']

describe('a fresh checkout', () => {
  it('opens no file that an earlier one has read', async () => {
    const first = await read(root)
    expect(first.opened).toEqual(all)
    checkOutAgain(root)
    expect(await read(root)).toEqual({ rows: first.rows, opened: [] })
  })

  it('opens the files that changed since: in a commit, in the work tree, untracked, and deleted from the index', async () => {
    await read(root)
    writeSample(root, 0, 'committed')
    git(root, 'commit', '--quiet', '-a', '-m', 'Change')
    checkOutAgain(root)
    writeSample(root, 1, 'in the work tree')
    writeSample(root, 7, 'untracked')
    git(root, 'rm', '--quiet', '--cached', 'data/samples/2.json')
    writeSample(root, 3, 'staged')
    git(root, 'add', 'data/samples/3.json')
    const { rows, opened } = await read(root)
    expect(opened).toEqual(['0.json', '1.json', '2.json', '3.json', '7.json'])
    forget(root)
    expect((await read(root)).rows).toEqual(rows)
  })

  itInFull('gives the same rows with CRLF line ends, and opens no file', async () => {
    const first = await read(root)
    checkOutAgain(root, '-c', 'core.autocrlf=true')
    git(root, 'config', 'core.autocrlf', 'true')
    rmSync(join(root, 'data'), { recursive: true })
    git(root, 'checkout', '--quiet', '--', 'data')
    expect(readFileSync(join(root, 'data/samples/0.json'), 'utf8')).toContain('\r\n')
    expect(await read(root)).toEqual({ rows: first.rows, opened: [] })
    forget(root)
    expect(await read(root)).toEqual({ rows: first.rows, opened: all })
  })

  it('opens files with a filter, an encoding or a keyword, whose content does not depend on the blob alone', async () => {
    const attributes = '0.json filter=lfs\n1.json working-tree-encoding=ISO-8859-1\n2.json ident\n'
    writeFileSync(join(root, 'data/samples/.gitattributes'), attributes)
    git(root, 'add', '.')
    git(root, 'commit', '--quiet', '-m', 'Attributes')
    await read(root)
    checkOutAgain(root)
    expect((await read(root)).opened).toEqual(['0.json', '1.json', '2.json'])
  })

  it.each(sampleOf(['--assume-unchanged', '--skip-worktree'], 1))(
    'opens a file that is flagged with %s',
    async (flag) => {
      await read(root)
      checkOutAgain(root)
      git(root, 'update-index', flag, 'data/samples/4.json')
      writeSample(root, 4, 'hidden from git status')
      expect((await read(root)).opened).toEqual(['4.json'])
    },
  )

  it('knows names with odd characters, and opens new files if there is no repository', async () => {
    const odd = ['ä ö.json', 'tab\there.json', 'line\nbreak.json']
    for (const name of odd) writeFileSync(join(root, 'data/samples', name), JSON.stringify({ id: name, text: name }))
    git(root, 'add', '.')
    git(root, 'commit', '--quiet', '-m', 'Names')
    const first = await read(root)
    checkOutAgain(root)
    expect(await read(root)).toEqual({ rows: first.rows, opened: [] })
    rmSync(join(root, '.git'), { recursive: true })
    cpSync(join(root, 'data/samples/0.json'), join(root, 'data/samples/copy.json'))
    rmSync(join(root, 'data/samples/0.json'))
    expect((await read(root)).opened).toEqual(['copy.json'])
  })
})

describe('a content id', () => {
  it('is not recorded for content that was read at another time', async () => {
    const directory = join(root, 'data/samples')
    // Between the listing and the question to Git, another commit is checked out; after it, the file is edited.
    await read(root, async (context) => {
      writeSample(root, 0, 'second')
      git(root, 'commit', '--quiet', '-a', '-m', 'Second')
      const ids = await unchangedBlobs(directory, process.env, context)
      writeSample(root, 0, 'third, and in no commit')
      return ids
    })
    git(root, 'checkout', '--quiet', '--', 'data')
    checkOutAgain(root)
    const { rows, opened } = await read(root)
    expect(opened).toEqual(['0.json'])
    forget(root)
    expect((await read(root)).rows).toEqual(rows)
  })

  it.each(['before', 'after'])(
    'is not recorded for a file that is edited while Git answers, and read %s',
    async (when) => {
      const directory = join(root, 'data/samples')
      let tell = () => {}
      const isEdited = new Promise<void>((resolve) => {
        tell = resolve
      })
      const answer = async (context: CallContext) => {
        const ids = await unchangedBlobs(directory, process.env, context)
        expect(ids.has('0.json')).toBe(true)
        writeSample(root, 0, 'edited meanwhile')
        tell()
        return ids
      }
      await read(root, answer, when === 'after' ? isEdited : undefined)
      git(root, 'checkout', '--quiet', '--', 'data')
      checkOutAgain(root)
      const { rows, opened } = await read(root)
      expect(opened).toEqual(['0.json'])
      forget(root)
      expect((await read(root)).rows).toEqual(rows)
    },
  )

  it('that Git cannot name is an error after the files are read, and an error of a file waits for Git', async () => {
    const noAnswer = new Error('no answer')
    await expect(read(root, async () => Promise.reject(noAnswer))).rejects.toBe(noAnswer)
    writeFileSync(join(root, 'data/samples/0.json'), '{')
    let hasEnded = false
    const slow = async () => {
      await setTimeout(200)
      hasEnded = true
      return new Map()
    }
    await expect(read(root, slow)).rejects.toMatchObject({ code: 'dataset-invalid' })
    expect(hasEnded).toBe(true)
  })

  it('is unknown without the program git, and outside a repository', async () => {
    const context = callContext({})
    const directory = join(root, 'data/samples')
    expect(await unchangedBlobs(directory, { PATH: join(base, 'nothing') }, context)).toEqual(new Map())
    expect(await unchangedBlobs(base, process.env, context)).toEqual(new Map())
    expect([...(await unchangedBlobs(directory, process.env, context)).keys()]).toEqual(all)
  })
})
