// Files that samples name are read from Git for a commit, and only those whose digests nothing knows. The result is that of a
// checkout of the commit, for every kind of change.
import { existsSync, rmSync, symlinkSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { commitFolder } from '../../src/repository/commit-folder.js'
import { compose } from '../../src/repository/compose.js'
import { type ComparedState, commitState, workTreeState } from '../../src/repository/diff/compared-state.js'
import { changesOf } from '../../src/repository/diff/diff-states.js'
import { diffProjects } from '../../src/repository/diff/project-diff.js'
import { type Git, openGit } from '../../src/repository/git/index.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { isWhole, sampleOf } from '../whole.js'
import { git, temporaryFolder, write } from './harness.js'
import { pointerTo } from './lfs-server.js'
import { project, sample } from './project.js'

const image = (text: string | Buffer) =>
  Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(text), Buffer.from('IEND\xaeB`\x82', 'latin1')])
const images = 40
const path = (index: number) => `images/${String(index % images).padStart(2, '0')}.png`
const withImage = (index: number, name = path(index)) => ({ ...sample(index), image: name, notes: 'notes/all.txt' })
const file = (index: number) => `dataset/samples/all/${String(index).padStart(2, '0')}.json`
const settings = 'projection: { id: id, input: text, target: label }\nfiles: [image, notes]\n'
const large = Buffer.alloc(700_000, 'large')

const base = {
  'dataset/config.yaml': settings,
  ...Object.fromEntries(Array.from({ length: 80 }, (_, index) => [file(index), withImage(index)])),
  'dataset/samples/all/others.jsonl': '',
  'dataset/samples/more/lines.jsonl': `${JSON.stringify({ ...sample(100), image: [path(3), path(4)] })}\n${JSON.stringify(sample(101))}\n`,
  'dataset/samples/more/inside.png': image('between the samples'),
  'dataset/notes/all.txt': 'one\ntwo\n',
  'dataset/audio/never-named.wav': 'RIFF',
  ...Object.fromEntries(
    Array.from({ length: images }, (_, index) => [`dataset/${path(index)}`, image(`image ${index}`)]),
  ),
}

type Put = (path: string, content: unknown) => void
type Change = (root: string, put: Put) => unknown

/** Changes that a diff reads of: how many blobs of named files at most, beside those of the samples. */
const changes: Readonly<
  Record<string, { readonly change: Change; readonly blobs: number; readonly wholeToo?: boolean }>
> = {
  nothing: { change: () => {}, blobs: 0 },
  'another image': { change: (_, put) => put(`dataset/${path(3)}`, image('another')), blobs: 1 },
  'a large image': { change: (_, put) => put(`dataset/${path(5)}`, image(large)), blobs: 1 },
  'another sample with the same image': {
    change: (_, put) => put(file(6), { ...withImage(6), text: 'edited' }),
    blobs: 0,
  },
  'another path': { change: (_, put) => put(file(7), withImage(7, path(8))), blobs: 0 },
  'a renamed image': {
    change: async (root, put) => {
      await rename(join(root, `dataset/${path(9)}`), join(root, 'dataset/images/new.png'))
      for (const index of [9, 49]) put(file(index), withImage(index, 'images/new.png'))
    },
    blobs: 1,
  },
  'a new sample with a new image': {
    change: (_, put) => {
      put(file(90), withImage(90, 'images/more/x.png'))
      put('dataset/images/more/x.png', image('x'))
    },
    blobs: 1,
  },
  'a deleted sample and its image': {
    change: (root) => {
      for (const index of [10, 50]) rmSync(join(root, file(index)))
      rmSync(join(root, `dataset/${path(10)}`))
    },
    blobs: 0,
  },
  'an image between the samples': {
    change: (_, put) => put(file(11), withImage(11, 'samples/more/inside.png')),
    blobs: 1,
  },
  'a text with another line ending': { change: (_, put) => put('dataset/notes/all.txt', 'one\r\ntwo\r\n'), blobs: 1 },
  'a text with other words': { change: (_, put) => put('dataset/notes/all.txt', 'three\n'), blobs: 1 },
  'a name in another Unicode form': {
    change: (_, put) => {
      put(file(12), withImage(12, 'images/\u00fc.png'))
      put('dataset/images/u\u0308.png', image('umlaut'))
    },
    blobs: 1,
  },
  'a pointer whose file is stored': {
    change: (root, put) => {
      const content = image('in Git LFS')
      put('.gitattributes', '*.png filter=lfs diff=lfs merge=lfs -text\n')
      put(`dataset/${path(13)}`, pointerTo(content))
      const oid = /sha256:(\w+)/.exec(pointerTo(content))![1]!
      write(root, `.git/lfs/objects/${oid.slice(0, 2)}/${oid.slice(2, 4)}/${oid}`, content)
    },
    blobs: 1,
  },
  // Problems, which reading whole states reports.
  'a deleted image': { change: (root) => rmSync(join(root, `dataset/${path(14)}`)), blobs: 0, wholeToo: true },
  'a pointer whose file is not here': {
    change: (_, put) => put(`dataset/${path(15)}`, pointerTo('gone')),
    blobs: 1,
    wholeToo: true,
  },
  'a damaged pointer': {
    change: (_, put) => put(`dataset/${path(15)}`, `${pointerTo('gone')}ext-0-x sha256:1\n`),
    blobs: 1,
    wholeToo: true,
  },
  'a name that climbs out': {
    change: (_, put) => put(file(16), withImage(16, '../secret.png')),
    blobs: 0,
    wholeToo: true,
  },
  'a folder': { change: (_, put) => put(file(16), withImage(16, 'images')), blobs: 0, wholeToo: true },
  'a file in the place of a folder': {
    change: (_, put) => put(file(16), withImage(16, `${path(16)}/x.png`)),
    blobs: 0,
    wholeToo: true,
  },
  'a name in another case': {
    change: (_, put) => put(file(17), withImage(17, 'Images/17.png')),
    blobs: 0,
    wholeToo: true,
  },
  'two names that differ in case': {
    change: (_, put) => put('dataset/images/18.PNG', image('x')),
    blobs: 0,
    wholeToo: true,
  },
  'a link': {
    change: (root) => {
      rmSync(join(root, `dataset/${path(19)}`))
      symlinkSync('20.png', join(root, `dataset/${path(19)}`))
    },
    blobs: 0,
    wholeToo: true,
  },
  'a folder that is a link': {
    change: async (root) => {
      await rename(join(root, 'dataset/notes'), join(root, 'dataset/others'))
      symlinkSync('others', join(root, 'dataset/notes'))
    },
    blobs: 0,
    wholeToo: true,
  },
  'an empty image': { change: (_, put) => put(`dataset/${path(20)}`, Buffer.alloc(0)), blobs: 1, wholeToo: true },
  'an image that was cut short': {
    change: (_, put) => put(`dataset/${path(21)}`, image(large).subarray(0, 600_000)),
    blobs: 1,
    wholeToo: true,
  },
  'a page in the place of an image': {
    change: (_, put) => put(`dataset/${path(22)}`, '<html>'),
    blobs: 1,
    wholeToo: true,
  },
  'two problems of one sample': {
    change: (_, put) => put(file(23), { ...withImage(23, '/etc/passwd'), notes: ['notes/none.txt', 7] }),
    blobs: 0,
    wholeToo: true,
  },
  'a field that no sample has': {
    change: (_, put) => put('dataset/config.yaml', `${settings}# and\n`.replace('notes]', 'sound]')),
    blobs: 40,
    wholeToo: true,
  },
  'no files': {
    change: (_, put) => put('dataset/config.yaml', settings.replace(/files.*/, '')),
    blobs: 0,
    wholeToo: true,
  },
  'a schema below dataset/': {
    change: (_, put) => {
      put('dataset/config.yaml', `${settings}validation: { schema_path: more/one.json }\n`)
      put('dataset/more/one.json', { type: 'object', required: ['text'] })
    },
    blobs: 0,
    wholeToo: true,
  },
  // A checkout has other bytes than Git.
  'attributes that convert': {
    change: (_, put) => {
      put('dataset/notes/all.txt', 'made by $Id$\n')
      put('dataset/.gitattributes', 'notes/*.txt ident\n')
    },
    blobs: 0,
    wholeToo: true,
  },
  'a submodule': {
    change: (root) => {
      const other = join(temporaryFolder(), 'other')
      write(other, 'y.png', image('of another repository'))
      git(other, 'init', '-q')
      git(other, 'add', '-A')
      git(other, 'commit', '-q', '-m', 'Other')
      git(root, '-c', 'protocol.file.allow=always', 'submodule', 'add', '-q', other, 'dataset/sub')
      write(root, file(24), JSON.stringify(withImage(24, 'sub/y.png')))
    },
    blobs: 0,
    wholeToo: true,
  },
}

/** @param isKnown whether an earlier run has read the samples. */
async function start(isKnown: boolean, openGitOf = openGit) {
  const { root, put } = await project(base)
  const commit = () => {
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '--allow-empty', '-m', 'Change')
    return git(root, 'rev-parse', 'HEAD').trim()
  }
  const first = commit()
  // Late enough that the stamps of all files are trusted.
  const context = callContext({ clock: fixedClock(Date.now() + 3_600_000) })
  const access = { shared: root, environment: process.env }
  const { documents: cache } = directoryStore(join(root, '.sheikh'))
  const know = async () => {
    git(root, 'status')
    await (await compose({ ...access, root } as never, context)).dataset.open({ ...context, cache })
  }
  if (isKnown) await know()
  const opened = await openGitOf(root, context)
  let read: string[] = []
  const library: Git = {
    ...opened,
    openBlobs(asked) {
      const blobs = opened.openBlobs(asked)
      return {
        read(oid, take) {
          read.push(oid)
          return blobs.read(oid, take)
        },
        [Symbol.asyncDispose]: () => blobs[Symbol.asyncDispose](),
      }
    },
  }
  const openCommit = (state: string, other: string | undefined) => {
    const [, changes] = changesOf(library, other, state)
    return commitState(
      library,
      { commit: state, project: '', workTree: root, cache, digests, changes, access },
      context,
    )
  }
  let digests = new Map()
  /** The difference, the blobs of named files that were read, and whether an image was written. */
  async function difference(before: ComparedState, after: ComparedState, isShort: boolean) {
    read = []
    const files = (state: ComparedState) => (isShort ? state : { ...state, named: async () => undefined })
    const states = [
      { name: { name: 'before' }, files: files(before) },
      { name: { name: 'after' }, files: files(after) },
    ] as const
    const found = await diffProjects(states, { includeText: true, access }, { ...context, cache })
    const wrote = [before, after].some(
      (state) => state.root !== root && existsSync(join(state.root, `dataset/${path(1)}`)),
    )
    return { found, read, wrote }
  }
  async function commits(from: string, to: string, isShort: boolean) {
    digests = new Map()
    await using before = await openCommit(from, to)
    await using after = await openCommit(to, from)
    // Awaited here, because the folders are removed at the end of this block.
    return await difference(before, after, isShort)
  }
  /** The same by checkouts, in which all files are on disk. */
  async function checkouts(from: string, to: string) {
    const roots = [from, to].map((state) => {
      const folder = join(temporaryFolder(), 'checkout')
      git(root, 'worktree', 'add', '-q', '--detach', folder, state)
      if (existsSync(join(folder, '.gitmodules')))
        git(folder, '-c', 'protocol.file.allow=always', 'submodule', 'update', '--init', '-q')
      return folder
    })
    const [before, after] = roots.map((folder) => workTreeState(folder, access, context))
    return (await difference(before!, after!, false)).found
  }
  const reset = () => {
    git(root, 'reset', '-q', '--hard', first)
    git(root, 'clean', '-q', '-ffd', 'dataset')
    return know()
  }
  return { root, put, commit, first, commits, checkouts, know, reset, opened, context, access, openCommit, difference }
}

describe('a difference of commits whose samples name files is that of checkouts', () => {
  it('for each kind of change, and only files whose digests are not known are read', async () => {
    const { root, put, commit, first, commits, checkouts, reset } = await start(true)
    for (const [name, { change, blobs, wholeToo = false }] of sampleOf(Object.entries(changes), 12)) {
      await change(root, put)
      const second = commit()
      const expected = await checkouts(first, second)
      for (const [from, to] of [[first, second], ...(isWhole ? [[second, first]] : [])] as const) {
        const isForth = from === first
        const wanted = isForth ? expected : await checkouts(from!, to!)
        const short = await commits(from!, to!, true)
        expect([name, short.found]).toEqual([name, wanted])
        // A state that has a problem is read twice: the first time tells that it has one.
        expect([name, short.read.length <= blobs * (wholeToo ? 2 : 1), short.read]).toEqual([name, true, short.read])
        const isConverted = name === 'attributes that convert' || name === 'a submodule'
        expect([name, short.wrote]).toEqual([name, isConverted])
        const whole = await commits(from!, to!, false)
        expect([name, whole.found]).toEqual([name, wanted])
      }
      await reset()
    }
  }, 300_000)

  it('with attributes of the user that convert, which a checkout applies', async () => {
    const { root, put, commit, first, commits, checkouts } = await start(true)
    write(root, '.git/own-attributes', 'dataset/notes/*.txt ident\n')
    git(root, 'config', 'core.attributesFile', join(root, '.git/own-attributes'))
    put('dataset/notes/all.txt', 'made by $Id$\n')
    const second = commit()
    const short = await commits(first, second, true)
    expect(short.found).toEqual(await checkouts(first, second))
    expect(short.wrote).toBe(true)
  })

  it('if no run has read the files, and reads each of them once', async () => {
    const { root, put, commit, first, commits, checkouts } = await start(false)
    put(`dataset/${path(3)}`, image('another'))
    const second = commit()
    const found = await commits(first, second, true)
    expect(found.found).toEqual(await checkouts(first, second))
    expect(found.found.data!.changed.map(({ id }) => id)).toEqual(['s03', 's100', 's43'])
    expect([found.read.length, new Set(found.read).size, found.wrote]).toEqual([images + 2, images + 2, false])
    expect(existsSync(join(root, '.sheikh/documents'))).toBe(false)
  })

  it('with the work tree', async () => {
    const { root, put, first, access, context, openCommit, difference, checkouts, commit } = await start(true)
    put(`dataset/${path(3)}`, image('another'))
    put(file(6), { ...withImage(6), text: 'edited' })
    await using before = await openCommit(first, undefined)
    const found = await difference(before, workTreeState(root, access, context), true)
    expect(found).toMatchObject({ read: [], wrote: false })
    expect(found.found).toEqual(await checkouts(first, commit()))
  })

  it('by the library without the program git', async () => {
    const open: typeof openGit = (root, context) => openGit(root, context, { program: false })
    const { root, put, commit, first, commits, checkouts, reset } = await start(true, open)
    for (const [name, { change }] of sampleOf(Object.entries(changes), 6)) {
      // The library refuses them, and names the program git.
      if (['a submodule', 'attributes that convert', 'a pointer whose file is stored'].includes(name)) continue
      await change(root, put)
      const second = commit()
      expect([name, (await commits(first, second, true)).found]).toEqual([name, await checkouts(first, second)])
      await reset()
    }
  }, 300_000)
})

it('a file of Git LFS that the work tree has is not hashed again for its pointer in a commit', async () => {
  const { put, commit, first, commits, know } = await start(true)
  const content = image('a photo')
  put(`dataset/${path(3)}`, pointerTo(content))
  const second = commit()
  expect((await commits(first, second, true)).found.problems).toHaveLength(1)
  // As after `git lfs pull`, but without the object.
  put(`dataset/${path(3)}`, content)
  await know()
  const { found, read } = await commits(first, second, true)
  expect(found.problems).toEqual([])
  expect(found.data!.changed.map(({ id }) => id)).toEqual(['s03', 's100', 's43'])
  // The pointer, and the file before, whose digest is no longer kept.
  expect(read).toHaveLength(2)
})

it('rows of an earlier commit are read without writing its files', async () => {
  const { root, first, opened, context, access } = await start(true)
  const composition = await compose({ ...access, root } as never, context)
  const rows = (await composition.dataset.contents(context)).rows
  await using folder = await commitFolder(opened, { commit: first, project: '' }, context)
  const dataset = await folder.dataset(composition.datasetAt)
  expect((await dataset.contents(context)).rows).toEqual(rows)
  expect(existsSync(join(folder.root, `dataset/${path(1)}`))).toBe(false)
  expect(existsSync(join(folder.root, 'dataset/samples/more/inside.png'))).toBe(false)
})

it('an abort while files are read ends the read', async () => {
  const { first, opened, context, access, root } = await start(false)
  const controller = new AbortController()
  const aborting: Git = {
    ...opened,
    openBlobs(asked) {
      const blobs = opened.openBlobs(asked)
      const read: typeof blobs.read = (oid, take) => {
        controller.abort(new Error('enough'))
        return blobs.read(oid, take)
      }
      return { read, [Symbol.asyncDispose]: () => blobs[Symbol.asyncDispose]() }
    },
  }
  const given = { ...context, signal: controller.signal }
  const composition = await compose({ ...access, root } as never, context)
  await using folder = await commitFolder(aborting, { commit: first, project: '' }, given)
  const dataset = await folder.dataset(composition.datasetAt)
  await expect(dataset.contents(given)).rejects.toThrow('enough')
})
