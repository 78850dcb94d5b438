import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chown, readFile, writeFile } from 'node:fs/promises'
import nodeModule from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { isWhole } from '../whole.js'
import { editSample, main, releasedProject, sheikh, temporary } from './harness.js'

const source = join(import.meta.dirname, '../../src/cli/main.ts')
const printLoaded = join(import.meta.dirname, 'print-loaded.mjs')
const node = [...['--import', import.meta.resolve('tsx'), '--conditions=sheikh-source'], ...['--import', printLoaded]]

/**
 * The modules that the command line loads: files of this package from their room on, and names of packages. From the sources,
 * because the files of a build contain several modules.
 */
async function loaded(...argv: readonly string[]): Promise<readonly string[]> {
  return loadedBy([...node, source], argv)
}

async function loadedBy(program: readonly string[], argv: readonly string[]): Promise<readonly string[]> {
  const file = join(await temporary(), 'loaded')
  await writeFile(file, '')
  const env = { ...process.env, NODE_OPTIONS: '', LOADED_FILE: file }
  await promisify(execFile)(process.execPath, [...program, ...argv], { cwd: '/', env })
  const urls = (await readFile(file, 'utf8')).split('\n').filter((url) => url !== '')
  expect(urls.some((url) => /\/cli\/main\.[jt]s$/.test(url))).toBe(true)
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
  const argv = ['plan', '--project', folder]
  expect((await sheikh(folder, ['plan'])).out).toMatch(/train +run/)
  // To translate all sources for it takes seconds.
  const files = await (isWhole ? loaded(...argv) : loadedBy(['--import', printLoaded, main], argv))
  if (isWhole) expect(files).toContain('trainer/tfjs/tfjs-trainer.ts')
  expect(files.filter((file) => file.startsWith('@tensorflow/'))).toEqual([])
})

describe('compiled code', () => {
  const unset = { XDG_CACHE_HOME: undefined, LOCALAPPDATA: undefined, NODE_COMPILE_CACHE: undefined }
  const run = async (changes: NodeJS.ProcessEnv) => {
    const env = { ...process.env, ...unset, ...changes }
    await promisify(execFile)(process.execPath, [main, 'completion', 'bash'], { env, cwd: '/' })
  }
  const canKeep = 'enableCompileCache' in nodeModule

  it.each(['XDG_CACHE_HOME', 'LOCALAPPDATA', 'HOME'])('is kept below %s by versions of Node that can', async (name) => {
    const folder = await temporary()
    await run({ [name]: folder })
    const caches = name === 'HOME' ? join(folder, '.cache') : folder
    expect(existsSync(join(caches, 'sheikh-freemium/compiled'))).toBe(canKeep)
  })

  it('is not kept below the home of another user, as of root under sudo', async () => {
    const isRoot = process.geteuid?.() === 0
    const home = isRoot ? await temporary() : '/'
    if (isRoot) await chown(home, 12345, 12345)
    await run({ HOME: home })
    expect(existsSync(join(home, '.cache/sheikh-freemium'))).toBe(false)
  })

  it.each([
    ['a file in place of the folder', { XDG_CACHE_HOME: main }],
    ['a relative folder', { XDG_CACHE_HOME: 'caches' }],
    ['no folder', { HOME: undefined }],
  ])('%s is no error', async (_, changes) => {
    await run(changes)
    expect(existsSync('/caches')).toBe(false)
  })
})
