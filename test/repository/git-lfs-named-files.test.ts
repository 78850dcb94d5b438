// Files that samples name, as pointers of Git LFS: the identity is that of the files, and trainers receive the files.
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { readNamedFile } from '../../src/dataset/index.js'
import { compose } from '../../src/repository/compose.js'
import { openGit } from '../../src/repository/git/index.js'
import { openRepository } from '../../src/repository/index.js'
import { rowsAtCommit } from '../../src/repository/rows-at-commit.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import type { Trainer } from '../../src/trainer/index.js'
import { git } from './harness.js'
import { type LfsServerOptions, oidOf, pointerTo, startLfs } from './lfs-server.js'
import { project, sample, sampleFilesOf } from './project.js'

const image = (text: string) =>
  Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(text), Buffer.from('IEND\xaeB`\x82', 'latin1')])
const path = (index: number) => `images/${String(index % 20).padStart(2, '0')}.png`
const images = Array.from({ length: 20 }, (_, index) => image(`image ${index}`))
const notes = 'one\r\ntwo\r\n'
const withImage = (index: number) => ({ ...sample(index), image: path(index), notes: 'notes/all.txt' })

/** What the trainer and its models were given: the folder, and the files of it. */
const given: { readonly folder: string }[] = []
beforeEach(() => void given.splice(0))

/** A trainer that opens each file in the folder, as programs of users do. */
const reading: Trainer<string, string> = (() => {
  const inner = fakeTrainer()
  const read = async (folder: string | undefined, files: Readonly<Record<string, `sha256:${string}`>> = {}) => {
    for (const [name, digest] of Object.entries(files)) {
      const bytes = await readNamedFile({ directory: folder!, path: name, digest })
      if (bytes.toString().startsWith('version ')) throw new Error('trained on a pointer')
    }
  }
  const note = (folder: string | undefined) => given.push({ folder: folder! })
  return {
    ...inner,
    describe: () => ({ reads: 'files' }),
    async fit(request, context) {
      note(context.filesDirectory)
      for await (const { files } of request.training) await read(context.filesDirectory, files)
      return inner.fit(request, context)
    },
    async load(weights, context) {
      note(context.filesDirectory)
      return inner.load(weights, context)
    },
  }
})()
const shared = Symbol.for('sheikh-freemium.test-reading-trainer')
Object.assign(globalThis, { [shared]: reading })

const files = {
  'dataset/config.yaml': 'projection: { id: id, input: text, target: label }\nfiles: [image, notes]\n',
  'sheikh.config.mjs': `export default { trainer: globalThis[Symbol.for('${shared.description}')] }\n`,
  ...sampleFilesOf(withImage),
  'dataset/notes/all.txt': notes,
  '.gitattributes': '*.txt -text\n',
  ...Object.fromEntries(images.map((content, index) => [`dataset/${path(index)}`, content])),
}

/** A project with these images as pointers, and a server that has all images. */
async function pointing(options: LfsServerOptions = {}, isPointer = (index: number) => index !== 5) {
  const made = await project(files)
  const server = await startLfs([...images, notes], options)
  git(made.root, 'config', 'lfs.url', `${server.url}/ns/data.git/info/lfs`)
  made.put('.gitattributes', '*.txt -text\n*.png filter=lfs diff=lfs merge=lfs -text\n')
  const whole = (index: number) => made.put(`dataset/${path(index)}`, images[index]!)
  const pointer = (index: number) => made.put(`dataset/${path(index)}`, pointerTo(images[index]!))
  for (const index of images.keys()) if (isPointer(index)) pointer(index)
  made.put('dataset/notes/all.txt', pointerTo(notes))
  await made.commit('Large files')
  return { ...made, server, whole, pointer }
}

const composed = (root: string) => compose({ root, shared: root, environment: process.env } as never, callContext())
const late = () => callContext({ clock: fixedClock(Date.now() + 60_000) })
const summaryOf = async (root: string, cache?: string) => {
  const documents = cache === undefined ? {} : { cache: directoryStore(cache).documents }
  return (await (await composed(root)).dataset.open({ ...late(), ...documents })).summary
}
const objectOf = (root: string, content: string | Uint8Array) => {
  const oid = oidOf(content)
  return join(root, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid)
}

it('the identity is that of the files, in any order, with a cache that knows the other', async () => {
  const { root: plain } = await project(files)
  const expected = await summaryOf(plain)
  const { root, server, whole, pointer } = await pointing()
  const cache = `${root}/.cache`
  expect(await summaryOf(root)).toEqual(expected)
  expect(await summaryOf(root, cache)).toEqual(expected)
  const asked = server.asked.length
  whole(3)
  expect(await summaryOf(root, cache)).toEqual(expected)
  pointer(3)
  expect(await summaryOf(root, cache)).toEqual(expected)
  expect(server.asked.length).toBe(asked)
  // What is known of an object is found by its name in a fresh checkout, without the object.
  rmSync(join(root, '.git/lfs'), { recursive: true })
  pointer(3)
  pointer(4)
  expect(await summaryOf(root, cache)).toEqual(expected)
  expect(server.asked.length).toBe(asked)
  // A pointer to another file is other data, although the cache knows this path.
  const other = image('another')
  const { url } = await startLfs([other])
  git(root, 'config', 'lfs.url', `${url}/x/info/lfs`)
  pointer(4)
  writeFileSync(join(root, `dataset/${path(4)}`), pointerTo(other))
  // Sample 4 is pinned.
  await expect(summaryOf(root, cache)).rejects.toMatchObject({ code: 'dataset-changed' })
})

it('a run trains and evaluates on the files, in a folder that is gone afterwards, and is up to date after a pull', async () => {
  const { root, server, whole, commit } = await pointing()
  const run = async () => (await (await openRepository(root)).pipeline()).run()
  const before = statSync(join(root, `dataset/${path(5)}`))
  expect((await run()).status).toBe('released')
  const [first] = given
  expect(new Set(given.map(({ folder }) => folder))).toEqual(new Set([first!.folder]))
  expect(first!.folder.startsWith(join(root, '.sheikh/work/'))).toBe(true)
  expect(existsSync(first!.folder)).toBe(false)
  // The checkout is as it was: pointers, and a file whose stamp Git knows.
  expect(readFileSync(join(root, `dataset/${path(3)}`), 'utf8')).toBe(pointerTo(images[3]!))
  expect(statSync(join(root, `dataset/${path(5)}`))).toEqual(before)
  for (const index of images.keys()) whole(index)
  // Without git-lfs, Git takes them for changes.
  await commit('Files')
  expect((await run()).status).toBe('up-to-date')
  const asked = server.asked.length
  expect(given.length).toBeGreaterThan(1)
  expect(asked).toBeGreaterThan(20)
})

it('a checkout with the files gives them to the trainer, and no folder is made', async () => {
  const { root, put, commit } = await pointing({}, () => false)
  put('dataset/notes/all.txt', notes)
  await commit()
  expect((await (await (await openRepository(root)).pipeline()).run()).status).toBe('released')
  expect(new Set(given.map(({ folder }) => folder))).toEqual(new Set([join(root, 'dataset')]))
})

it('samples of a pool give their files too, after a snapshot that knows nothing of them', async () => {
  const { root, put } = await pointing({}, () => false)
  put('dataset/notes/all.txt', notes)
  put('dataset/notes/pool.txt', pointerTo(images[7]!))
  git(root, 'add', '.')
  const { dataset } = await composed(root)
  // In the server, and named by no sample of the dataset.
  const [row] = await dataset.project([{ ...withImage(1), notes: 'notes/pool.txt' }], late())
  expect(Object.keys(row!.files!)).toContain('notes/pool.txt')
  await dataset.snapshot(late())
  const folder = await dataset.openFiles!(join(root, '.sheikh/files'), callContext())
  expect(readFileSync(join(folder!, 'notes/pool.txt')).equals(images[7]!)).toBe(true)
  expect(readFileSync(join(folder!, path(3))).equals(images[3]!)).toBe(true)
})

it('what a killed run left is removed by the next one', async () => {
  const { root } = await pointing()
  // As a process with this number would have left it, which no longer runs.
  const store = directoryStore(join(root, '.sheikh'), {
    processes: { self: () => ({ pid: 4_000_000, hostname: 'here' }), isAlive: async () => false },
  })
  const left = await store.workDirectory('run')
  const { dataset } = await composed(root)
  await dataset.snapshot(late())
  const folder = await dataset.openFiles!(join(left, 'files'), callContext())
  expect(readFileSync(join(folder!, path(3))).equals(images[3]!)).toBe(true)
  expect(readFileSync(join(folder!, path(5))).equals(images[5]!)).toBe(true)
  expect(readFileSync(join(folder!, 'notes/all.txt'), 'utf8')).toBe(notes)
  const lock = await directoryStore(join(root, '.sheikh'), {
    processes: { self: () => ({ pid: 4_000_001, hostname: 'here' }), isAlive: async () => false },
  }).lock('run', callContext())
  await lock.release()
  expect(existsSync(left)).toBe(false)
  expect(readFileSync(objectOf(root, images[3]!)).equals(images[3]!)).toBe(true)
})

it('rows, differences and blame of earlier commits are those of the files', async () => {
  const { root, put, commit, repository } = await pointing()
  const first = (await repository.head())!.oid
  const context = callContext()
  const opened = await openGit(root, context)
  const { root: plain, repository: plainRepository } = await project(files)
  const place = { commit: (await plainRepository.head())!.oid, project: '' }
  const expected = await rowsAtCommit(await openGit(plain, context), await composed(plain), place, context)
  const rows = await rowsAtCommit(opened, await composed(root), { commit: first, project: '' }, context)
  expect(rows).toEqual(expected)
  // From files to pointers nothing changed.
  const migrated = await (await openRepository(root)).diff('HEAD~1')
  expect([migrated.problems, migrated.data!.changed]).toEqual([[], []])
  const edited = image('edited')
  const { url } = await startLfs([edited])
  git(root, 'config', 'lfs.url', `${url}/x/info/lfs`)
  put(`dataset/${path(7)}`, pointerTo(edited))
  const found = await (await openRepository(root)).diff()
  expect(found.problems).toEqual([])
  expect(found.data!.changed.map(({ id, fields }) => [id, fields])).toEqual(
    ['s07', 's27'].map((id) => [id, [{ field: path(7) }]]),
  )
  await commit('Edit')
  const blame = await (await openRepository(root)).blame('s07')
  expect(blame.events.map(({ change, path: changed }) => [change, changed])).toEqual([
    ['changed', `dataset/${path(7)}`],
    ['added', 'dataset/samples/all/07.json'],
  ])
})

it('a pointer whose file cannot be used is an error with the place of the sample', async () => {
  const { root, put } = await pointing({}, () => false)
  put('dataset/notes/all.txt', notes)
  const broken = Buffer.from('\x89PNG\r\n\x1a\ncut short', 'latin1')
  const inner = pointerTo('x')
  const { url } = await startLfs([broken, inner, ''])
  git(root, 'config', 'lfs.url', `${url}/x/info/lfs`)
  for (const [content, message] of [
    [pointerTo('gone'), /"dataset\/images\/05\.png" in the field "image" is a Git LFS pointer, and .*answered 404/],
    [pointerTo(broken), /is a PNG image that was cut short/],
    [pointerTo(inner), /is a Git LFS pointer, not the file itself/],
    [pointerTo(''), /is empty/],
    [`${pointerTo('x')}ext-0-x sha256:1\n`, /damaged or has an extension/],
    [pointerTo('x').replace(/size.*/, 'size many'), /damaged or has an extension/],
  ] as const) {
    put(`dataset/${path(5)}`, content)
    await expect(summaryOf(root)).rejects.toMatchObject({
      code: 'dataset-invalid',
      facts: {
        issues: [
          { path: 'all/05.json', message: expect.stringMatching(message) },
          { path: 'all/others.jsonl', position: 'line 16', message: expect.stringMatching(message) },
        ],
      },
    })
  }
})

it('a file that the user may not read, and one that is gone when it is needed, are errors of their own', async () => {
  const { root, server } = await pointing({ authorization: 'Basic none' })
  await expect(summaryOf(root)).rejects.toMatchObject({ code: 'access-denied' })
  const { url } = await startLfs([...images, notes])
  git(root, 'config', 'lfs.url', `${url}/x/info/lfs`)
  const { dataset } = await composed(root)
  await dataset.snapshot(late())
  rmSync(join(root, '.git/lfs'), { recursive: true })
  git(root, 'config', 'lfs.url', `${server.url}/x/info/lfs`)
  const { dataset: other } = await composed(root)
  expect(await other.openFiles!(join(root, '.sheikh/none'), callContext())).toBe(join(root, 'dataset'))
  await expect(dataset.openFiles!(join(root, '.sheikh/some'), callContext())).resolves.toBe(join(root, '.sheikh/some'))
  const controller = new AbortController()
  controller.abort(new Error('stopped'))
  rmSync(join(root, '.git/lfs'), { recursive: true })
  await expect(
    dataset.openFiles!(join(root, '.sheikh/more'), callContext({ signal: controller.signal })),
  ).rejects.toThrow('stopped')
  rmSync(join(root, `dataset/${path(5)}`))
  await expect(dataset.openFiles!(join(root, '.sheikh/more'), callContext())).rejects.toMatchObject({
    code: 'dataset-changed',
    message: expect.stringContaining(path(5)),
  })
  expect(readdirSync(join(root, '.sheikh/some')).sort()).toEqual(['images', 'notes'])
})
