// A commit of some files contains what git commit --only would commit, whatever a person did before.
import { chmodSync, cpSync, existsSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { commit, openGit } from '../../src/repository/git/index.js'
import { isWhole, sampleOf } from '../whole.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, gitCheck, temporaryFolder, write } from './harness.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: commits compared with git, since ${gitIsMissing}\n`)

const context = callContext()
const author = { name: 'Ann Example', email: 'ann@example.org' }

interface Act {
  readonly kind: 'write' | 'remove' | 'stage' | 'unstage' | 'announce' | 'chmod' | 'link' | 'move' | 'commit'
  readonly path: string
  readonly to: string
  readonly text: string
}

function apply(root: string, { kind, path, to, text }: Act): void {
  const file = join(root, path)
  if (kind === 'write') write(root, path, text)
  else if (kind === 'remove') rmSync(file, { recursive: true })
  else if (kind === 'stage') git(root, 'add', '-A', '--', path)
  else if (kind === 'unstage') git(root, 'rm', '-q', '--cached', '--', path)
  else if (kind === 'announce') git(root, 'add', '-N', '--', path)
  else if (kind === 'chmod') chmodSync(file, statSync(file).mode ^ 0o111)
  else if (kind === 'move') git(root, 'mv', path, to)
  else if (kind === 'commit') git(root, 'commit', '-q', '-m', 'more')
  else {
    rmSync(file, { recursive: true })
    symlinkSync('x', file)
  }
}

const path = fc.constantFrom('dataset/a', 'dataset/b', 'dataset/b/c', 'dataset/B', 'dataset/c/d', 'other')
const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.oneof(
    fc.constant('write' as const),
    fc.constantFrom('remove', 'stage', 'unstage', 'announce', 'chmod', 'link', 'move', 'commit'),
  ),
  path,
  to: path,
  text: fc.constantFrom('1', '2', '3\r\n'),
})

/** Whether git did it. */
function tried(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

const programs = [
  ['the library', false],
  ['the program git', 'git'],
] as const
it.skipIf(gitIsMissing !== undefined).each(sampleOf(programs, 1))('by %s', async (_, program) => {
  const check = async (acts: readonly Act[]) => {
    const [root, other] = ['root', 'other'].map((name) => join(temporaryFolder(), name)) as [string, string]
    mkdirSync(root)
    git(root, 'init', '-q', '-b', 'main')
    for (const file of ['dataset/a', 'dataset/b', 'dataset/c/d', 'other']) write(root, file, '1')
    git(root, 'add', '-A')
    git(root, 'commit', '-q', '-m', 'first')
    // The library refuses the index that git writes for an announced file.
    const possible = acts.filter(({ kind }) => program !== false || kind !== 'announce')
    for (const each of possible) tried(() => apply(root, each))
    cpSync(root, other, { recursive: true, verbatimSymlinks: true })
    const isCommitted = tried(() => {
      if (existsSync(join(other, 'dataset'))) git(other, 'add', '-A', 'dataset')
      git(other, 'commit', '-q', '-m', 'm', '--only', '--', 'dataset')
    })
    const library = await openGit(root, context, { program })
    const error = await commit(library, { message: 'm', author, paths: ['dataset'] }, context).then(
      () => undefined,
      (refusal: unknown) => refusal,
    )
    gitCheck(root)
    // git commit --only fails where a folder takes the place of a file.
    if (!isCommitted) return
    expect(error).toBe(undefined)
    const filesOf = (place: string) => git(place, 'ls-tree', '-r', 'HEAD')
    expect(filesOf(root)).toBe(filesOf(other))
  }
  await fc.assert(fc.asyncProperty(fc.array(act, { minLength: 3, maxLength: 14 }), check), {
    numRuns: isWhole ? 60 : 4,
  })
})
