// Files that samples name, in real repositories: runs, dirty checkouts, line endings, earlier commits.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { compose } from '../../src/repository/compose.js'
import { openGit } from '../../src/repository/git/index.js'
import { openRepository } from '../../src/repository/index.js'
import { rowsAtCommit } from '../../src/repository/rows-at-commit.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { dirtyPaths, git } from './harness.js'
import { project, sample, sampleFilesOf } from './project.js'

const image = (text: string) =>
  Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from(text), Buffer.from('IEND\xaeB`\x82', 'latin1')])
const path = (index: number) => `images/${String(index % 20).padStart(2, '0')}.png`
const config = 'projection: { id: id, input: text, target: label }\nfiles: [image, notes]\n'
const withImage = (index: number) => ({ ...sample(index), image: path(index), notes: 'notes/all.txt' })

/** Forty samples with twenty images and one text. */
const files = {
  'dataset/config.yaml': config,
  ...sampleFilesOf(withImage),
  'dataset/notes/all.txt': 'one\ntwo\n',
  ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`dataset/${path(index)}`, image(`image ${index}`)])),
}

const composed = (root: string) => compose({ root, shared: root, environment: process.env } as never, callContext())
const summaryOf = async (root: string) => {
  return (await (await composed(root)).dataset.open(callContext())).summary
}

describe('files that samples name', () => {
  it('decide a run: a changed image trains again, and the same again does not', async () => {
    const { root, put, commit } = await project(files)
    const run = async () => (await (await openRepository(root)).pipeline()).run()
    expect((await run()).status).toBe('released')
    expect((await run()).status).toBe('up-to-date')
    const before = readFileSync(join(root, `dataset/${path(3)}`))
    put(`dataset/${path(3)}`, image('another'))
    expect(await dirtyPaths(await openRepository(root))).toEqual([`dataset/${path(3)}`])
    const set = await (await openRepository(root)).evaluationSet()
    const isPinned = set.items.some(({ id }) => id === 's03' || id === 's23')
    await commit('Another image')
    if (isPinned) await expect(run()).rejects.toMatchObject({ code: 'dataset-changed' })
    else expect((await run()).status).not.toBe('up-to-date')
    put(`dataset/${path(3)}`, before)
    await commit('The first image')
    expect((await run()).status).toBe('up-to-date')
  })

  it('are a changed sample in a diff, and nothing else is', async () => {
    const { root, put, commit } = await project(files)
    put(`dataset/${path(5)}`, image('another'))
    const repository = await openRepository(root)
    const found = await repository.diff()
    expect(found.problems).toEqual([])
    expect(found.data!.changed).toEqual(
      ['s05', 's25'].map((id) => expect.objectContaining({ id, fields: [{ field: path(5) }] })),
    )
    await commit()
    put('dataset/samples/all/05.json', { ...withImage(5), text: 'edited' })
    const edited = await repository.diff()
    expect(edited.data!.changed).toEqual([expect.objectContaining({ id: 's05', fields: [{ field: 'text' }] })])
    const both = await repository.diff('HEAD~1')
    expect(both.data!.changed.map(({ id, fields }) => [id, fields])).toEqual([
      ['s05', [{ field: 'text' }, { field: path(5) }]],
      ['s25', [{ field: path(5) }]],
    ])
    expect(both.data!.rows).toEqual({ before: 40, after: 40 })
  })

  it('are read from Git for an earlier commit', async () => {
    const { root, put, commit, repository } = await project(files)
    const before = await summaryOf(root)
    const first = (await repository.head())!.oid
    const composition = await composed(root)
    const rows = (await composition.dataset.snapshot(callContext())).trainingRows
    put(`dataset/${path(1)}`, image('another'))
    rmSync(join(root, 'dataset/notes/all.txt'))
    await commit()
    await expect(summaryOf(root)).rejects.toMatchObject({ code: 'dataset-invalid' })
    const gitOf = await openGit(root, callContext())
    expect(await rowsAtCommit(gitOf, composition, { commit: first, project: '' }, callContext())).toEqual(rows)
    git(root, 'checkout', '--quiet', first)
    expect(await summaryOf(root)).toEqual(before)
  })

  it('have the same fingerprint in a checkout with CRLF', async () => {
    const { root } = await project(files)
    const before = await summaryOf(root)
    const clone = `${root}-crlf`
    execFileSync('git', ['-c', 'core.autocrlf=true', 'clone', '--quiet', root, clone])
    expect(readFileSync(join(clone, 'dataset/notes/all.txt'), 'utf8')).toBe('one\r\ntwo\r\n')
    expect((await summaryOf(clone)).fingerprint).toBe(before.fingerprint)
  })

  it('are dirty if Git ignores them', async () => {
    const { root, put, commit } = await project(files)
    put('.gitignore', '.sheikh/\nreleases/\n*.secret.png\nleft-out/\n')
    put('dataset/samples/all/05.json', { ...withImage(5), image: ['images/a.secret.png', 'left-out/b.png'] })
    put('dataset/images/a.secret.png', image('a'))
    put('dataset/left-out/b.png', image('b'))
    put('dataset/left-out/unused.png', image('c'))
    await commit()
    const dirty = await dirtyPaths(await openRepository(root))
    expect([...dirty].sort()).toEqual(['dataset/images/a.secret.png', 'dataset/left-out/b.png'])
  })

  it('that cannot be used fail `validate` with the place in the sample file', async () => {
    const { root, put } = await project(files)
    put('dataset/samples/all/05.json', { ...withImage(5), image: '../secrets.png' })
    rmSync(join(root, `dataset/${path(12)}`))
    symlinkSync('/etc/passwd', join(root, `dataset/${path(12)}`))
    await expect(summaryOf(root)).rejects.toMatchObject({
      code: 'dataset-invalid',
      facts: {
        issues: [
          { path: 'all/05.json', message: expect.stringContaining('contains ".."') },
          { path: 'all/others.jsonl', position: 'line 3', message: expect.stringContaining('symbolic link') },
          { path: 'all/others.jsonl', position: 'line 23', message: expect.stringContaining('symbolic link') },
        ],
      },
    })
  })

  it('are named by Git in a fresh checkout, so that none is hashed', async () => {
    const many = Array.from({ length: 300 }, (_, index) => `images/many/${index}.png`)
    const { root } = await project({
      ...files,
      'dataset/samples/all/many.json': { ...withImage(60), image: many },
      ...Object.fromEntries(many.map((name, index) => [`dataset/${name}`, image(`many ${index}`)])),
    })
    const surroundings = { root, shared: root, environment: process.env }
    const read = async (change: (text: string) => string = (text) => text) => {
      // Late enough for all stamps to tell a file from a later one.
      const context = callContext({ clock: fixedClock(Date.now() + 60_000) })
      const { dataset } = await compose(surroundings as never, context)
      const { documents } = directoryStore(join(root, '.store'))
      const cache = {
        ...documents,
        async read(name: string) {
          const document = await documents.read(name)
          if (document === undefined || !name.startsWith('dataset-files')) return document
          return JSON.parse(change(JSON.stringify(document)))
        },
      }
      return dataset.identities({ ...context, cache })
    }
    // The project is a copy, whose stat data are not yet those in Git's index.
    git(root, 'status')
    const before = await read()
    const moved = `${root}-moved`
    renameSync(root, moved)
    execFileSync('git', ['clone', '--quiet', '--no-hardlinks', moved, root], { stdio: 'ignore' })
    cpSync(join(moved, '.store'), join(root, '.store'), { recursive: true })
    // What is kept for a file by Git's name of its content is used, right or wrong.
    const right = `sha256:${createHash('sha256').update(image('many 299')).digest('hex')}`
    const misled = await read((text) => text.replaceAll(right, `sha256:${'0'.repeat(64)}`))
    expect(misled.filter(({ digest }, index) => digest !== before[index]!.digest).map(({ id }) => id)).toEqual(['s60'])
    rmSync(join(root, '.store'), { recursive: true })
    cpSync(join(moved, '.store'), join(root, '.store'), { recursive: true })
    expect(await read()).toEqual(before)
    // A changed image of a fresh checkout is hashed.
    writeFileSync(join(root, 'dataset/images/many/7.png'), image('MANY 7'))
    const after = await read()
    expect(after.filter(({ digest }, index) => digest !== before[index]!.digest).map(({ id }) => id)).toEqual(['s60'])
  })

  it('are refused for samples on the Hub, and for a built-in model whose input they would be', async () => {
    const { root, put } = await project(files)
    put('dataset/config.yaml', `samples: hf:datasets/a/b@${'0'.repeat(40)}\nfiles: [image]\n`)
    await expect(openRepository(root).then((repository) => repository.load())).rejects.toThrow(
      'fields of samples on the Hub',
    )
    put('dataset/config.yaml', 'projection: { input: image }\nfiles: [image]\n')
    rmSync(join(root, 'sheikh.config.mjs'))
    await expect(composed(root).then((composition) => composition.trainer())).rejects.toThrow(
      'whose values are paths, and the built-in architectures read text',
    )
    put('dataset/config.yaml', 'files: image\n')
    await expect(openRepository(root).then((repository) => repository.load())).rejects.toMatchObject({
      code: 'invalid-config',
    })
  })

  it('are events of their samples in blame, while the samples are there', async () => {
    const { root, put, commit } = await project(files)
    put(`dataset/${path(5)}`, image('another'))
    const changed = await commit('Another image')
    put('dataset/samples/all/05.json', { ...withImage(5), image: path(6) })
    const moved = await commit('Another path')
    put(`dataset/${path(7)}`, image('of other samples'))
    await commit('Other images')
    const repository = await openRepository(root)
    const { events } = await repository.blame('s05')
    expect(events.map(({ commit: oid, change, path: place }) => [oid, change, place])).toEqual([
      [moved, 'changed', 'dataset/samples/all/05.json'],
      [changed, 'changed', `dataset/${path(5)}`],
      [events[2]!.commit, 'added', 'dataset/samples/all/05.json'],
    ])
    const { steps, history } = await repository.planForget('s05')
    expect(steps.flatMap(({ commands }) => commands)).toEqual(
      expect.arrayContaining([`git rm -- dataset/${path(6)}`, 'git rm -- dataset/notes/all.txt']),
    )
    const versions = history.blobs.map(({ blob, path: place }) => `${blob} ${place}`)
    expect(versions).toEqual([...new Set(versions)])
    expect(new Set(history.blobs.map((blob) => blob.path))).toEqual(
      new Set(['dataset/samples/all/05.json', 'dataset/notes/all.txt', `dataset/${path(5)}`, `dataset/${path(6)}`]),
    )
  })
})
