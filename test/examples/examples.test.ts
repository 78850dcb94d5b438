import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { initRepository } from '../../src/repository/index.js'

const execute = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const source = ['--import', import.meta.resolve('tsx'), '--conditions=sheikh-source']
const files = (await readdir(join(root, 'examples'))).filter((name) => name.endsWith('.ts'))
const texts = new Map(
  await Promise.all(files.map(async (name) => [name, await readFile(join(root, 'examples', name), 'utf8')] as const)),
)
// What only other examples import has no line that says how to run it.
const examples = files.filter((name) => texts.get(name)!.split('\n', 1)[0]!.includes('Run: '))

describe('every example ends well', () => {
  it.each(examples)('%s', async (name) => {
    const asTests = name.endsWith('.test.ts') ? ['--test'] : []
    const { stdout } = await execute(process.execPath, [...source, ...asTests, join('examples', name)], { cwd: root })
    expect(stdout).not.toBe('')
  })

  it('there are the nine that the documents promise', () => {
    expect(examples.sort()).toEqual([
      'custom-check.ts',
      'custom-stage.ts',
      'custom-trainer.ts',
      'embed.ts',
      'language-model.ts',
      'own-model.ts',
      'pytorch.ts',
      'release-everywhere.ts',
      'unit-test.test.ts',
    ])
  })
})

it('the code of the README runs, as it stands there, in a project that init made', async () => {
  const [, code] = /```ts\n([\s\S]*?)```/.exec(await readFile(join(root, 'README.md'), 'utf8'))!
  const project = await mkdtemp(join(tmpdir(), 'sheikh-readme-'))
  // Inside the package, so that its own name is found.
  const file = join(root, `test/examples/.readme-${process.pid}.ts`)
  try {
    await initRepository(project)
    await writeFile(file, code!)
    const { stdout } = await execute(process.execPath, [...source, file], { cwd: project })
    expect(stdout).toContain('release')
    expect(stdout).toContain('0.1.0')
    expect(stdout).toContain("kind: 'label'")
  } finally {
    await rm(file, { force: true })
    await rm(project, { recursive: true, force: true })
  }
})
