import { appendFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openRepository } from '../../src/repository/index.js'
import { commandTrainer } from '../../src/trainer/command/index.js'
import { dirtyPaths, git, write } from './harness.js'
import { project } from './project.js'

const shared = Symbol.for('sheikh-freemium.test-command-trainer')
Object.assign(globalThis, { [shared]: commandTrainer })

/** A project whose trainer is a program of its own, below the repository's root. */
async function withProgram(options: object, files: Readonly<Record<string, string>> = {}) {
  const made = await project()
  // In no commit yet.
  const own = { 'train/fit.py': 'print("fit")\n', 'train/predict.py': 'print("predict")\n', ...files }
  for (const [path, content] of Object.entries(own)) made.put(path, content)
  const given = JSON.stringify({ directory: made.root, ...options })
  made.put(
    'sheikh.config.mjs',
    `export default { trainer: globalThis[Symbol.for('${shared.description}')](${given}) }\n`,
  )
  git(made.root, 'add', '--all', '--force', 'sheikh.config.mjs')
  git(made.root, 'commit', '--quiet', '--message', 'A program')
  return { ...made, repository: await openRepository(made.root) }
}
const program = { fit: ['python3', 'train/fit.py'], predict: ['python3', 'train/predict.py'] }

describe('the files of a program that trains', () => {
  it('are refused if they are in no commit, or not as the commit has them', async () => {
    const { root, repository } = await withProgram(program)
    expect((await dirtyPaths(repository)).toSorted()).toEqual(['train/fit.py', 'train/predict.py'])
    git(root, 'add', 'train')
    git(root, 'commit', '--quiet', '--message', 'Its files')
    expect(await dirtyPaths(repository)).toEqual([])
    appendFileSync(join(root, 'train/fit.py'), '# edited\n')
    expect(await dirtyPaths(repository)).toEqual(['train/fit.py'])
    await expect((await repository.pipeline()).run()).rejects.toMatchObject({
      code: 'repository-dirty',
      message: expect.stringContaining('train/fit.py'),
    })
  })

  it('are refused if Git ignores them, inputs among them', async () => {
    const { root, repository } = await withProgram(
      { ...program, inputs: ['lib'] },
      { '.gitignore': '.sheikh/\nreleases/\npredict.py\n*.secret\n__pycache__/\n', 'lib/a.py': 'a = 1\n' },
    )
    write(root, 'lib/b.secret', 'b')
    write(root, 'lib/__pycache__/a.pyc', 'a')
    git(root, 'add', '--all')
    git(root, 'commit', '--quiet', '--message', 'Its files')
    expect((await dirtyPaths(repository)).toSorted()).toEqual(['lib/b.secret', 'train/predict.py'])
  })

  it('are those that people write: nothing that was installed, and nothing of the machine', async () => {
    const { root, repository } = await withProgram(
      {
        fit: ['.venv/bin/torchrun', 'node_modules/tool/run.js', '--epochs', '3', '/etc/hostname'],
        predict: ['bin/python', 'train/predict.py'],
      },
      { '.gitignore': '.sheikh/\nreleases/\nnode_modules/\n.venv/\nbin/\n' },
    )
    write(root, '.venv/pyvenv.cfg', 'home = /usr\n')
    write(root, '.venv/bin/torchrun', '#!/usr/bin/python3\n')
    write(root, 'node_modules/tool/run.js', '')
    mkdirSync(join(root, 'bin'))
    symlinkSync(process.execPath, join(root, 'bin/python'))
    expect(await dirtyPaths(repository)).toEqual(['train/predict.py'])
  })

  it('are in the key, the program itself too', async () => {
    const { root } = await withProgram({})
    const named = commandTrainer({ directory: root, fit: ['./train/fit.py'], predict: ['python3', 'train/predict.py'] })
    expect(named.describe()).toMatchObject({ inputs: [{ path: 'train/fit.py' }, { path: 'train/predict.py' }] })
  })

  it('are committed with what a run reads', async () => {
    const { repository } = await withProgram(program)
    await repository.commit({ message: 'Everything' })
    expect(await dirtyPaths(repository)).toEqual([])
  })
})
