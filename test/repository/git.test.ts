import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { commit, initGitRepository, openGit, revert } from '../../src/repository/git/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from './git-http-backend.js'
import { git, gitCheck, gitStatus, temporaryFolder, write } from './harness.js'

const context = callContext()
const clean = { changed: [], deleted: [], ignored: [], absent: [] }
const author = { name: 'Ann Example', email: 'ann@example.org' }

const nativeIsMissing = gitIsMissing
if (nativeIsMissing !== undefined) process.stderr.write(`skipped: Git's contract, since ${nativeIsMissing}\n`)

describe.skipIf(nativeIsMissing !== undefined).each([
  ['native', 'git'],
  ['isomorphic', false],
] as const)('%s git', (_kind, program) => {
  // Git's program does these itself.
  const itByUs = program === false ? it : itInFull
  const open = (root: string) => openGit(root, context, { program })

  async function repository(files: Readonly<Record<string, string>> = { 'dataset/a.txt': 'one' }) {
    const root = join(temporaryFolder(), 'project')
    await initGitRepository(root, context, { program })
    const library = await open(root)
    const commitAll = (message: string, paths: readonly string[] = ['dataset', 'other', 'odd']) =>
      commit(library, { message, author, paths }, context)
    for (const [path, content] of Object.entries(files)) write(root, path, content)
    await commitAll('first')
    return { root, library, commitAll }
  }

  describe('commit, as native git sees it', () => {
    it('leaves a clean tree, a sound repository and the author', async () => {
      const { root } = await repository({ 'dataset/a.txt': 'one', 'dataset/deep/er/b.txt': 'two', 'other/c.txt': '' })
      expect(gitStatus(root)).toBe('')
      gitCheck(root)
      expect(git(root, 'log', '--format=%an <%ae>|%s|%D')).toBe('Ann Example <ann@example.org>|first|HEAD -> main\n')
      expect(git(root, 'ls-files')).toBe('dataset/a.txt\ndataset/deep/er/b.txt\nother/c.txt\n')
    })

    it('takes edits, deletions, modes, links and names of any script', async () => {
      const { root, commitAll } = await repository({
        'dataset/a.txt': 'one',
        'dataset/gone.txt': 'x',
        'dataset/run.sh': 'x',
      })
      write(root, 'dataset/a.txt', 'another')
      rmSync(join(root, 'dataset/gone.txt'))
      chmodSync(join(root, 'dataset/run.sh'), 0o755)
      symlinkSync('a.txt', join(root, 'dataset/link'))
      for (const name of ['smile 🙂.json', 'ümlaut.json', '文字.json', 'sp ace.json', '#hash', '-dash', "quo'te"])
        write(root, `odd/${name}`)
      await commitAll('second')
      expect(gitStatus(root)).toBe('')
      gitCheck(root)
      expect(
        git(root, 'ls-tree', '-r', 'HEAD', 'dataset')
          .split('\n')
          .map((line) => line.slice(0, 6)),
      ).toEqual(['100644', '120000', '100755', ''])
      expect(git(root, 'show', 'HEAD:dataset/link')).toBe('a.txt')
    })

    it('takes only what it was asked for, and nothing that is ignored', async () => {
      const { root, library } = await repository({
        'dataset/a.txt': 'one',
        'elsewhere.txt': 'x',
        'dataset/.gitignore': '*.tmp\n',
      })
      write(root, 'dataset/a.txt', 'two')
      write(root, 'dataset/b.tmp')
      write(root, 'other/c.txt')
      await commit(library, { message: 'second', author, paths: ['dataset'] }, context)
      expect(gitStatus(root)).toBe('?? elsewhere.txt\n?? other/c.txt\n')
      expect(git(root, 'show', '--stat', '--format=', 'HEAD')).toMatch(/^ dataset\/a\.txt \| 2 \+-\n/)
    })

    itByUs('leaves what a person staged in the index, and out of the commit', async () => {
      const { root, commitAll } = await repository({ 'dataset/a.txt': 'one', 'dataset/gone.txt': 'x', 'mine.txt': '1' })
      git(root, 'add', 'mine.txt')
      git(root, 'commit', '-q', '-m', 'mine')
      write(root, 'mine.txt', '2')
      write(root, 'deep/new.txt')
      git(root, 'add', 'mine.txt', 'deep/new.txt')
      write(root, 'mine.txt', '3')
      write(root, 'dataset/a.txt', 'two')
      write(root, 'dataset/below/b.txt')
      rmSync(join(root, 'dataset/gone.txt'))
      const oid = await commitAll('ours', ['dataset'])
      gitCheck(root)
      expect(git(root, 'show', '--name-status', '--format=', oid)).toBe(
        'M\tdataset/a.txt\nA\tdataset/below/b.txt\nD\tdataset/gone.txt\n',
      )
      expect(gitStatus(root)).toBe('A  deep/new.txt\nMM mine.txt\n')
      expect(git(root, 'show', ':mine.txt')).toBe('2')
      await revert(await open(root), oid, { author }, context)
      expect(git(root, 'show', '--name-status', '--format=', 'HEAD')).toBe(
        'M\tdataset/a.txt\nD\tdataset/below/b.txt\nA\tdataset/gone.txt\n',
      )
      expect(gitStatus(root)).toBe('A  deep/new.txt\nMM mine.txt\n')
    })

    itByUs('hides no edit that follows "git add" within a second', async () => {
      const { root, commitAll } = await repository({ 'dataset/a.txt': 'one', 'old.txt': 'x' })
      git(root, 'config', 'core.trustctime', 'false')
      const now = Math.floor(Date.now() / 1000)
      // A time that the index cannot have: Git takes the file for one that may have changed since.
      const at = now + 100
      write(root, 'mine.txt', '2')
      utimesSync(join(root, 'mine.txt'), at, at)
      utimesSync(join(root, 'old.txt'), now - 100, now - 100)
      git(root, 'add', 'mine.txt', 'old.txt')
      write(root, 'mine.txt', '3')
      utimesSync(join(root, 'mine.txt'), at, at)
      write(root, 'dataset/a.txt', 'two')
      const oid = await commitAll('ours', ['dataset'])
      const entries = git(root, 'ls-files', '--debug', 'mine.txt', 'old.txt')
      expect(entries.match(/(?<=size: )\d+/g)).toEqual(['0', '1'])
      await revert(await open(root), oid, { author }, context)
      gitCheck(root)
      utimesSync(join(root, '.git/index'), at + 10, at + 10)
      expect(gitStatus(root)).toBe('AM mine.txt\nA  old.txt\n')
      expect(git(root, 'show', ':mine.txt')).toBe('2')
    })

    itByUs('during a merge is refused, so that it takes no part of the merge', async () => {
      const { root, library, commitAll } = await repository({ 'dataset/a.txt': 'one', 'dataset/b.txt': 'one' })
      git(root, 'checkout', '-q', '-b', 'side')
      write(root, 'dataset/a.txt', 'two')
      await commitAll('side')
      git(root, 'checkout', '-q', 'main')
      write(root, 'dataset/a.txt', 'three')
      const head = await commitAll('main')
      expect(() => git(root, 'merge', 'side')).toThrow()
      write(root, 'dataset/a.txt', 'both')
      const refusal = {
        code: 'repository-invalid',
        message: expect.stringMatching(/a merge is in progress\. Finish it \(git merge --continue\)/),
      }
      await expect(commitAll('again')).rejects.toMatchObject(refusal)
      await expect(revert(library, head, { author }, context)).rejects.toMatchObject(refusal)
      expect(gitStatus(root)).toBe('UU dataset/a.txt\n')
      expect(git(root, 'rev-parse', 'HEAD')).toBe(`${head}\n`)
    })

    itByUs('goes on where native git left off: an index of its own, packed objects, packed refs', async () => {
      const root = temporaryFolder()
      git(root, 'init', '-q', '-b', 'trunk')
      for (let index = 0; index < 30; index += 1) write(root, `dataset/${index}.txt`)
      git(root, 'add', '-A')
      git(root, 'commit', '-q', '-m', 'native')
      git(root, 'gc', '-q')
      git(root, 'pack-refs', '--all')
      const library = await open(root)
      write(root, 'dataset/7.txt', 'edited')
      await commit(library, { message: 'ours', paths: ['dataset'] }, context)
      expect(gitStatus(root)).toBe('')
      gitCheck(root)
      expect(git(root, 'log', '--format=%s', 'trunk')).toBe('ours\nnative\n')
      expect(await library.head()).toEqual({ oid: git(root, 'rev-parse', 'HEAD').trim(), branch: 'trunk' })
    })

    it('of nothing is refused', async () => {
      const { commitAll } = await repository()
      await expect(commitAll('again')).rejects.toMatchObject({ code: 'repository-invalid' })
    })

    it('while another program holds the index is locked, and changes nothing', async () => {
      const { root, commitAll } = await repository()
      write(root, 'dataset/a.txt', 'two')
      write(root, '.git/index.lock', '')
      await expect(commitAll('second')).rejects.toMatchObject({ code: 'locked' })
      rmSync(join(root, '.git/index.lock'))
      expect(git(root, 'log', '--format=%s')).toBe('first\n')
      await commitAll('second')
      expect(existsSync(join(root, '.git/index.lock'))).toBe(false)
    })

    it('outside of any repository is an error that says what to do', async () => {
      await expect(open(temporaryFolder())).rejects.toMatchObject({
        code: 'repository-invalid',
        message: expect.stringContaining('sheikh init'),
      })
    })

    it('in a linked work tree needs the program', async () => {
      const { root } = await repository()
      git(root, 'worktree', 'add', '-q', '../linked')
      const opened = open(join(root, '../linked'))
      if (program === false)
        return expect(opened).rejects.toMatchObject({
          code: 'repository-invalid',
          message: expect.stringMatching(/linked work tree.*Install git 2\.30/),
        })
      const library = await opened
      write(library.root, 'dataset/new.txt')
      await commit(library, { message: 'linked', author, paths: ['dataset'] }, context)
      expect(gitStatus(library.root)).toBe('')
      expect(git(root, 'log', '-1', '--format=%s', 'linked')).toBe('linked\n')
    })
  })

  describe('revert, as native git sees it', () => {
    async function reverted(
      change: (root: string) => void,
      files: Readonly<Record<string, string>> = { 'dataset/a.txt': 'one' },
    ) {
      const { root, library, commitAll } = await repository(files)
      const before = git(root, 'rev-parse', 'HEAD^{tree}')
      change(root)
      const oid = await commitAll('bad')
      await revert(library, oid, { author }, context)
      expect(git(root, 'rev-parse', 'HEAD^{tree}')).toBe(before)
      expect(gitStatus(root)).toBe('')
      gitCheck(root)
      return { root, oid }
    }

    it('of edits, additions and deletions is the tree before, and says what it undid', async () => {
      const { root, oid } = await reverted(
        (folder) => {
          write(folder, 'dataset/a.txt', 'two')
          write(folder, 'dataset/new/b.txt')
          rmSync(join(folder, 'dataset/gone.txt'))
        },
        { 'dataset/a.txt': 'one', 'dataset/gone.txt': 'x' },
      )
      expect(git(root, 'log', '-1', '--format=%B')).toContain(`Revert "bad"\n\nThis reverts commit ${oid}.`)
      // As native git does: a folder that is left empty goes, too.
      expect(existsSync(join(root, 'dataset/new'))).toBe(false)
    })

    itByUs('of modes and links', async () => {
      const { root } = await reverted(
        (folder) => {
          chmodSync(join(folder, 'dataset/run.sh'), 0o755)
          rmSync(join(folder, 'dataset/a.txt'))
          symlinkSync('run.sh', join(folder, 'dataset/a.txt'))
        },
        { 'dataset/a.txt': 'one', 'dataset/run.sh': 'x' },
      )
      expect(lstatSync(join(root, 'dataset/a.txt')).isFile()).toBe(true)
      expect(lstatSync(join(root, 'dataset/run.sh')).mode & 0o111).toBe(0)
    })

    itByUs('of a folder that became a link to elsewhere writes nothing there', async () => {
      const elsewhere = temporaryFolder()
      write(elsewhere, 'b.txt', 'untouched')
      const { root } = await reverted(
        (folder) => {
          rmSync(join(folder, 'dataset/sub'), { recursive: true })
          symlinkSync(elsewhere, join(folder, 'dataset/sub'))
        },
        { 'dataset/a.txt': 'one', 'dataset/sub/b.txt': 'mine' },
      )
      expect(readFileSync(join(elsewhere, 'b.txt'), 'utf8')).toBe('untouched')
      expect(readFileSync(join(root, 'dataset/sub/b.txt'), 'utf8')).toBe('mine')
    })

    itByUs('of a link that became a folder', async () => {
      const { root, library, commitAll } = await repository()
      symlinkSync('a.txt', join(root, 'dataset/sub'))
      await commitAll('a link')
      rmSync(join(root, 'dataset/sub'))
      write(root, 'dataset/sub/b.txt')
      await revert(library, await commitAll('a folder'), { author }, context)
      expect(gitStatus(root)).toBe('')
      expect(readlinkSync(join(root, 'dataset/sub'))).toBe('a.txt')
    })

    itByUs('of an earlier commit keeps what came after', async () => {
      const { root, library, commitAll } = await repository()
      write(root, 'dataset/a.txt', 'two')
      const bad = await commitAll('bad')
      write(root, 'dataset/later.txt')
      await commitAll('later')
      await revert(library, bad.slice(0, 10), { author }, context)
      expect(gitStatus(root)).toBe('')
      expect(git(root, 'show', 'HEAD:dataset/a.txt')).toBe('one')
      expect(git(root, 'ls-files')).toContain('dataset/later.txt')
    })

    itByUs.each([
      ['the first commit', /first commit/],
      ['a merge', /merge/],
      ['a commit whose files a later one changed', /later commit changed dataset\/a\.txt/],
    ])('of %s is refused, and nothing changes', async (which, said) => {
      const { root, library, commitAll } = await repository()
      const first = git(root, 'rev-parse', 'HEAD').trim()
      write(root, 'dataset/a.txt', 'two')
      const second = await commitAll('second')
      write(root, 'dataset/a.txt', 'three')
      await commitAll('third')
      git(root, 'checkout', '-q', '-b', 'side', first)
      write(root, 'other/side.txt')
      git(root, 'add', '-A')
      git(root, 'commit', '-q', '-m', 'side')
      git(root, 'checkout', '-q', 'main')
      git(root, 'merge', '-q', '--no-edit', 'side')
      const head = git(root, 'rev-parse', 'HEAD').trim()
      const wanted = which === 'a merge' ? head : which === 'the first commit' ? first : second
      await expect(revert(library, wanted, { author }, context)).rejects.toMatchObject({
        code: 'repository-invalid',
        message: expect.stringMatching(said),
      })
      expect(git(root, 'rev-parse', 'HEAD').trim()).toBe(head)
      expect(gitStatus(root)).toBe('')
    })

    it.each(['deadbeef', 'no such thing', '0'.repeat(40), ''])(
      'of "%s", which is no commit, is an error of ours',
      async (oid) => {
        const { library } = await repository()
        await expect(revert(library, oid, { author }, context)).rejects.toMatchObject({ code: 'repository-invalid' })
      },
    )

    it('over uncommitted work is refused, and the work is kept', async () => {
      const { root, library, commitAll } = await repository()
      write(root, 'dataset/a.txt', 'two')
      const bad = await commitAll('bad')
      write(root, 'dataset/a.txt', 'my work')
      await expect(revert(library, bad, { author }, context)).rejects.toMatchObject({ code: 'repository-dirty' })
      expect(readFileSync(join(root, 'dataset/a.txt'), 'utf8')).toBe('my work')
    })
  })

  describe('what differs from the commit', () => {
    it('by content and by mode; what lies elsewhere or is ignored does not count', async () => {
      const { root, library } = await repository({
        'dataset/a.txt': 'one',
        'dataset/b.txt': 'x',
        'dataset/run.sh': 'x',
        'dataset/.gitignore': '*.tmp\n',
      })
      const changes = () => library.changes(['dataset'], context)
      expect(await changes()).toEqual(clean)
      write(root, 'elsewhere.txt')
      write(root, 'dataset/x.tmp')
      // Written anew, and the same.
      write(root, 'dataset/a.txt', 'one')
      expect(await changes()).toEqual({ ...clean, ignored: ['dataset/x.tmp'] })
      write(root, 'dataset/a.txt', 'eno')
      write(root, 'dataset/new.txt')
      rmSync(join(root, 'dataset/b.txt'))
      chmodSync(join(root, 'dataset/run.sh'), 0o755)
      const { changed, deleted } = await changes()
      expect([...changed].sort()).toEqual(['dataset/a.txt', 'dataset/new.txt', 'dataset/run.sh'])
      expect(deleted).toEqual(['dataset/b.txt'])
    })

    it('with what is remembered of files, too: an edit of the same length is seen', async () => {
      const { root, library } = await repository()
      const { documents } = memoryStore()
      const changes = () => library.changes(['dataset'], context, documents)
      expect(await changes()).toEqual(clean)
      expect(await changes()).toEqual(clean)
      write(root, 'dataset/a.txt', 'eno')
      expect(await changes()).toEqual({ ...clean, changed: ['dataset/a.txt'] })
    })

    it('a file that became a folder, and a folder that is gone', async () => {
      const { root, library } = await repository({ 'dataset/a': 'one', 'dataset/deep/b': 'x' })
      rmSync(join(root, 'dataset/a'))
      mkdirSync(join(root, 'dataset/a'))
      rmSync(join(root, 'dataset/deep'), { recursive: true })
      const { deleted } = await library.changes(['dataset'], context)
      expect([...deleted].sort()).toEqual(['dataset/a', 'dataset/deep/b'])
    })

    it('before the first commit, everything', async () => {
      const root = temporaryFolder()
      git(root, 'init', '-q')
      write(root, 'dataset/a.txt')
      const { changed } = await (await open(root)).changes(['dataset'], context)
      expect(changed).toEqual(['dataset/a.txt'])
    })
  })
})
