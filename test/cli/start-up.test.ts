import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { editSample, releasedProject, temporary } from './harness.js'

const source = join(import.meta.dirname, '../../src/cli/main.ts')
const node = [
  ...['--import', import.meta.resolve('tsx'), '--conditions=sheikh-source'],
  ...['--import', join(import.meta.dirname, 'print-loaded.mjs')],
]

/**
 * The modules that the command line loads: files of this package from their room on, and names of packages. From the sources,
 * because the files of a build contain several modules.
 */
async function loaded(...argv: readonly string[]): Promise<readonly string[]> {
  const file = join(await temporary(), 'loaded')
  await writeFile(file, '')
  const env = { ...process.env, NODE_OPTIONS: '', LOADED_FILE: file }
  await promisify(execFile)(process.execPath, [...node, source, ...argv], { cwd: '/', env })
  const urls = (await readFile(file, 'utf8')).split('\n').filter((url) => url !== '')
  expect(urls.some((url) => url.endsWith('src/cli/main.ts'))).toBe(true)
  return [...new Set(urls.map((url) => url.replace(/\?.*$/, '').replace(/^.*\/(?:src|node_modules)\/(?=[@a-z])/, '')))]
}

it('--version loads no command, and nothing but cli and core', async () => {
  const files = (await loaded('--version')).filter((file) => file.endsWith('.ts'))
  expect(files).not.toEqual([])
  expect(files.filter((file) => !/^(cli\/[^/]+|core\/.*)$/.test(file))).toEqual([])
})

it('a command loads no other command', async () => {
  const files = await loaded('completion', 'bash', '--help')
  expect(files.filter((file) => file.startsWith('cli/commands/'))).toEqual(['cli/commands/completion.ts'])
})

it('planning a training loads no tfjs', async () => {
  const folder = await releasedProject()
  await editSample(folder)
  const files = await loaded('plan', '--project', folder)
  expect(files).toContain('trainer/tfjs/tfjs-trainer.ts')
  expect(files.filter((file) => file.startsWith('@tensorflow/'))).toEqual([])
})
