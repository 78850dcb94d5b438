import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { initRepository } from '../../src/repository/index.js'
import { builtPackage } from '../built-package.js'
import { isWhole, sampleOf } from '../whole.js'

const execute = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const files = (await readdir(join(root, 'examples'))).filter((name) => name.endsWith('.ts'))
const texts = new Map(
  await Promise.all(files.map(async (name) => [name, await readFile(join(root, 'examples', name), 'utf8')] as const)),
)
// What only other examples import has no line that says how to run it.
const examples = files.filter((name) => texts.get(name)!.split('\n', 1)[0]!.includes('Run: '))

// `npm test` leaves these to CI. embed.ts does what the README's code does. The others train for seconds, as test/trainer does.
const slow = new Set([
  'language-model.ts',
  'own-model.ts',
  'release-everywhere.ts',
  'embed.ts',
  'ensemble.ts',
  'tune.ts',
])

describe('every example ends well', () => {
  it.each(
    sampleOf(
      examples.filter((name) => isWhole || !slow.has(name)),
      2,
    ),
  )('%s', async (name) => {
    const asTests = name.endsWith('.test.ts') ? ['--test'] : []
    const file = join(await builtPackage(), 'examples', name.replace(/\.ts$/, '.js'))
    const { stdout } = await execute(process.execPath, [...asTests, file], { cwd: root })
    expect(stdout).not.toBe('')
  })

  it('there are the twelve that the documents promise', () => {
    expect(examples.sort()).toEqual([
      'custom-check.ts',
      'custom-stage.ts',
      'custom-trainer.ts',
      'embed.ts',
      'ensemble.ts',
      'language-model.ts',
      'own-model.ts',
      'pytorch.ts',
      'release-everywhere.ts',
      'tune.ts',
      'unit-test.test.ts',
      'webhook-receiver.ts',
    ])
  })
})

describe('the code of the README runs, as it stands there, in a project that init made', () => {
  const outputs = [
    { name: 'of a project in Git', folder: '.', output: [/^gate \d+ ms$/m, /^released 0\.1\.0$/m] },
    {
      name: 'of a pipeline in code',
      folder: 'my-model',
      output: [/^released 0\.1\.0$/m, /kind: 'label',\s+label: 'login'/],
    },
  ]
  it.each(outputs.map((block, index) => ({ ...block, index })).filter(({ index }) => isWhole || index === 1))(
    '$name',
    async ({ index, folder, output }) => {
      const blocks = [...(await readFile(join(root, 'README.md'), 'utf8')).matchAll(/```ts\n([\s\S]*?)```/g)]
      expect(blocks.length).toBe(outputs.length)
      const directory = await mkdtemp(join(tmpdir(), 'sheikh-readme-'))
      // Inside the package, so that its own name is found.
      const file = join(await builtPackage(), `examples/.readme-${process.pid}-${index}.ts`)
      try {
        await initRepository(join(directory, 'my-model'))
        await writeFile(file, blocks[index]![1]!)
        const { stdout } = await execute(process.execPath, ['--import', import.meta.resolve('tsx'), file], {
          cwd: join(directory, folder),
        })
        for (const line of output) expect(stdout).toMatch(line)
      } finally {
        await rm(file, { force: true })
        await rm(directory, { recursive: true, force: true })
      }
    },
  )
})
