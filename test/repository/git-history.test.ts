import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { changesOf } from '../../src/repository/diff/diff-states.js'
import { openGit } from '../../src/repository/git/index.js'
import { git, temporaryFolder, write } from './harness.js'

const context = callContext()

/** A history with a side branch, a conflict that was resolved by hand, hostile texts and a commit without a message. */
function made() {
  const root = temporaryFolder()
  const commit = (message: string, ...more: readonly string[]) => {
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '--allow-empty', '--allow-empty-message', '-m', message, ...more)
    return git(root, 'rev-parse', 'HEAD').trim()
  }
  git(root, 'init', '-q', '-b', 'main')
  write(root, 'data/a.txt', 'one')
  write(root, 'data/deep/b.txt', 'one')
  write(root, 'swap', 'a file')
  const first = commit('First')
  git(root, 'checkout', '-q', '-b', 'side')
  write(root, 'data/a.txt', 'side')
  write(root, 'data/c\n:\u0001.txt', 'new')
  const side = commit('\u0001:000000 \u001b[31mside\n\nbody', '--author', 'A:\u001b[2J <x@y>', '--date', '@86400 +0200')
  git(root, 'checkout', '-q', 'main')
  write(root, 'data/a.txt', 'main')
  const second = commit('')
  try {
    git(root, 'merge', '-q', '--no-ff', 'side')
  } catch {
    write(root, 'data/a.txt', 'both')
  }
  const merge = commit('Merge pull request #7 from side')
  rmSync(join(root, 'data/deep'), { recursive: true })
  rmSync(join(root, 'swap'))
  write(root, 'swap/inside', 'a folder')
  const last = commit('Remove')
  return { root, commits: { first, side, second, merge, last } }
}

it.each([
  ['native', 'git'],
  ['isomorphic', false],
] as const)('%s git compares the trees of two commits, and writes entries of one', async (_kind, program) => {
  const { root, commits } = made()
  const library = await openGit(root, context, { program })
  const { first, last } = commits
  const changes = await library.treeChanges(first, last, ['data', 'swap'])
  const [before, after] = [await library.tree(first), await library.tree(last)]
  const paths = ['data/a.txt', 'data/c\n:\u0001.txt', 'data/deep/b.txt', 'swap', 'swap/inside']
  const ours = (entry: object | undefined) => entry && expect.objectContaining(entry)
  expect([...changes].sort()).toEqual(
    paths.map((path) => [path, { before: ours(before.get(path)), after: ours(after.get(path)) }]),
  )
  const [forward, backward] = changesOf(library, first, last)
  expect(await forward!(['data', 'swap'])).toEqual(changes)
  expect([...(await backward!(['data', 'swap']))].sort()).toEqual(
    [...(await library.treeChanges(last, first, ['data', 'swap']))].sort(),
  )
  expect([...(await backward!(['swap'])).keys()].sort()).toEqual(['swap', 'swap/inside'])
  expect((await library.treeChanges(first, first, ['data'])).size).toBe(0)

  const folder = temporaryFolder()
  await library.writeEntries(first, [before.get('data/deep/b.txt')!], folder, context)
  expect(readdirSync(folder, { recursive: true }).sort()).toEqual(['data', 'data/deep', 'data/deep/b.txt'])
})

it.each([
  ['native', 'git'],
  ['isomorphic', false],
] as const)('%s git reads what each commit changed', async (_kind, program) => {
  const { root, commits } = made()
  const { first, side, second, merge, last } = commits
  git(root, 'config', 'log.follow', 'true')
  const library = await openGit(root, context, { program })
  const all = await library.history({ to: last }, context)
  expect(new Set(all.map(({ oid }) => oid))).toEqual(new Set(Object.values(commits)))
  expect([all[0]!.oid, all[1]!.oid, all.at(-1)!.oid]).toEqual([last, merge, first])
  const of = (oid: string) => all.find((one) => one.oid === oid)!
  const changes = (oid: string) =>
    of(oid)
      .changes!.map(({ change, path }) => `${change} ${path}`)
      .sort()
  expect(changes(first)).toEqual(['added data/a.txt', 'added data/deep/b.txt', 'added swap'])
  expect(changes(side)).toEqual(['added data/c\n:\u0001.txt', 'changed data/a.txt'])
  expect(changes(merge)).toEqual(['changed data/a.txt'])
  expect(changes(last)).toEqual(['added swap/inside', 'removed data/deep/b.txt', 'removed swap'])
  expect(of(side)).toMatchObject({ author: { name: 'A:\u001b[2J', email: 'x@y' }, atMs: 86_400_000, parents: [first] })
  expect(of(side).message.startsWith('\u0001:000000 \u001b[31mside')).toBe(true)
  expect(of(second).message.trim()).toBe('')

  const [resolved] = of(merge).changes!
  const text = async (oid: string) => Buffer.from(await library.readBlob(oid)).toString()
  expect(await Promise.all(resolved!.before.map(text))).toEqual(['main', 'side'])
  expect(await text(resolved!.after!)).toBe('both')

  const range = await library.history({ from: second, to: merge }, context)
  expect(range.map(({ oid }) => oid)).toEqual([merge, side])
  const below = await library.history({ to: last, paths: ['data/deep'] }, context)
  expect(below.map(({ oid, changes: those }) => [oid, those!.length])).toEqual([
    [last, 1],
    [first, 1],
  ])
  const absent = '0123456789'.repeat(4)
  await expect(library.history({ to: absent }, context)).rejects.toMatchObject({ code: 'repository-invalid' })

  const read: (string | undefined)[] = []
  const oids = [resolved!.after!, absent, ...resolved!.before]
  for await (const { oid, content } of library.readBlobs(oids, 100, context))
    read.push(content === undefined ? undefined : `${oids.indexOf(oid)} ${Buffer.from(content)}`)
  expect(read.sort()).toEqual(['0 both', '2 main', '3 side', undefined])
  for await (const { content } of library.readBlobs(oids, 3, context)) expect(content).toBeUndefined()
})

it.each([
  ['native', 'git'],
  ['isomorphic', false],
] as const)(
  '%s git does not take the first commit of a shallow clone for one that added everything',
  async (_kind, program) => {
    const { root, commits } = made()
    const clone = join(temporaryFolder(), 'clone')
    git(root, 'clone', '-q', '--depth', '2', `file://${root}`, clone)
    const library = await openGit(clone, context, { program })
    const found = await library.history({ to: commits.last }, context)
    expect(found[0]!.changes).toHaveLength(3)
    expect(found.slice(1).map(({ changes }) => changes)).not.toContainEqual(expect.anything())
    expect(found.length).toBeGreaterThan(1)
  },
)

it('reads blobs of any size, an empty one too, and ends its program if the reader stops', async () => {
  const root = temporaryFolder()
  git(root, 'init', '-q')
  const library = await openGit(root, context)
  const contents = ['', '\n', 'x'.repeat(300_000), '\n\n', 'last']
  const oids: string[] = []
  for (const content of contents) oids.push(await library.writeBlob(Buffer.from(content)))
  const read: string[] = []
  for await (const { content } of library.readBlobs(oids, 1_000_000, context))
    read.push(Buffer.from(content!).toString())
  expect(read).toEqual(contents)
  for await (const { oid } of library.readBlobs(oids, 1_000_000, context)) {
    expect(oid).toBe(oids[0])
    break
  }
})
