import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chown, mkdir, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
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

const keepsModules = 'enableCompileCache' in nodeModule

describe.skipIf(keepsModules)(
  `the script of the command line${keepsModules ? ' (skipped: this version of Node keeps compiled modules itself)' : ''}`,
  () => {
    const script = join(main, '../../command-line.cjs')
    const call = async (folder: string, argv: readonly string[], changes: NodeJS.ProcessEnv = {}) => {
      const unset = { NODE_COMPILE_CACHE: undefined, NODE_DISABLE_COMPILE_CACHE: undefined }
      const env = { ...process.env, ...unset, XDG_CACHE_HOME: folder, ...changes }
      const { stdout } = await promisify(execFile)(process.execPath, [main, ...argv], { env, cwd: '/' })
      return stdout
    }
    const keptIn = async (folder: string) => {
      const place = join(folder, 'sheikh-freemium/compiled')
      return (await readdir(place).catch(() => [])).map((name) => join(place, name))
    }

    it('is ASCII, and its last line is the digest of the rest', async () => {
      const text = await readFile(script, 'utf8')
      expect(text).toMatch(/^[\0-\x7f]*$/)
      const [, rest, digest] = /^(.*)\/\/([0-9a-f]{64})\n$/s.exec(text)!
      expect(createHash('sha256').update(rest!).digest('hex')).toBe(digest)
    })

    it('prints what the modules print, compiled or not, and is kept for each command', async () => {
      const [project, folder] = [await releasedProject(), await temporary()]
      const plan = ['plan', '--json', '--project', project]
      const expected = await call(folder, plan, { NODE_DISABLE_COMPILE_CACHE: '1' })
      expect(await keptIn(folder)).toEqual([])
      expect(await call(folder, plan)).toBe(expected)
      const [kept, ...others] = await keptIn(folder)
      expect(others).toEqual([])
      const { ino } = await stat(kept!)
      expect(await call(folder, plan)).toBe(expected)
      expect((await stat(kept!)).ino).toBe(ino)
      await call(folder, ['status', '--project', project])
      expect(await keptIn(folder)).toHaveLength(2)
    })

    it.each([
      ['is damaged', (bytes: Buffer) => bytes.fill(0, bytes.length >> 1)],
      ['is cut off', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
      ['is empty', () => Buffer.alloc(0)],
      ['has one digest and no code', () => createHash('sha256').digest()],
      [
        'is other data with its digest',
        () => Buffer.concat([createHash('sha256').update('x').digest(), Buffer.from('x')]),
      ],
    ])('is compiled again if what is kept %s', async (_, change) => {
      const [project, folder] = [await releasedProject(), await temporary()]
      const plan = ['plan', '--json', '--project', project]
      const expected = await call(folder, plan)
      const [kept] = (await keptIn(folder)) as [string]
      const { length } = await readFile(kept)
      await writeFile(kept, change(await readFile(kept)))
      expect(await call(folder, plan)).toBe(expected)
      expect((await readFile(kept)).length).toBeGreaterThan(length / 2)
      expect(await call(folder, plan)).toBe(expected)
    })

    it.each([['--project'], ['--project=']])(
      'is not used for a project with code of its own, which imports the modules (%s)',
      async (option) => {
        const [project, folder] = [await releasedProject(), await temporary()]
        await writeFile(join(project, 'sheikh.config.mjs'), 'export default {}\n')
        await call(folder, ['plan', ...(option.endsWith('=') ? [`${option}${project}`] : [option, project])])
        expect(await keptIn(folder)).toEqual([])
      },
    )

    it.each([[['help', 'run']], [['--project', 'plan', 'help']]])('is not used for %j', async (argv) => {
      const folder = await temporary()
      await call(folder, argv)
      expect(await keptIn(folder)).toEqual([])
    })

    it('is kept in NODE_COMPILE_CACHE, and in no folder of another user', async () => {
      const [project, folder, others] = [await releasedProject(), await temporary(), await temporary()]
      await call(others, ['plan', '--project', project], { NODE_COMPILE_CACHE: folder })
      expect(await readdir(folder)).toHaveLength(1)
      expect(await readdir(others)).toEqual([])
      if (process.geteuid?.() === 0) await chown(others, 12345, 12345)
      await call(process.geteuid?.() === 0 ? others : '/', ['plan', '--project', project])
      expect(await readdir(others)).toEqual([])
    })

    it('removes what earlier versions kept, and no other file', async () => {
      const [project, folder] = [await releasedProject(), await temporary()]
      const place = join(folder, 'sheikh-freemium/compiled')
      await mkdir(place, { recursive: true })
      const old = new Date(Date.now() - 40 * 24 * 60 * 60 * 1000)
      const [kept, recent] = [`plan-${'1'.repeat(32)}.bin`, `run-${'2'.repeat(32)}.bin`]
      const others = ['other.txt', 'plan-1.bin', 'pytorch_model.bin']
      for (const name of [kept, `${kept}.77`, recent, ...others]) {
        await writeFile(join(place, name), 'x')
        if (name !== recent) await utimes(join(place, name), old, old)
      }
      await call(folder, ['plan', '--project', project])
      const names = await readdir(place)
      expect(names).toEqual(expect.arrayContaining([recent, ...others]))
      expect(names).toHaveLength(5)
    })

    it.each([
      ['a file has the name of the folder', 'sheikh-freemium'],
      ['a file has the name of the folder below', 'sheikh-freemium/compiled'],
    ])('does not change what the command answers if %s', async (_, name) => {
      const [project, folder] = [await releasedProject(), await temporary()]
      await mkdir(join(folder, name, '..'), { recursive: true })
      await writeFile(join(folder, name), '')
      expect(JSON.parse(await call(folder, ['plan', '--json', '--project', project]))).not.toHaveProperty('error')
    })
  },
)

describe('compiled code', () => {
  const unset = { XDG_CACHE_HOME: undefined, LOCALAPPDATA: undefined, NODE_COMPILE_CACHE: undefined }
  const run = async (changes: NodeJS.ProcessEnv) => {
    const env = { ...process.env, ...unset, ...changes }
    await promisify(execFile)(process.execPath, [main, 'completion', 'bash'], { env, cwd: '/' })
  }

  it.each(['XDG_CACHE_HOME', 'LOCALAPPDATA', 'HOME'])('is kept below %s by versions of Node that can', async (name) => {
    const folder = await temporary()
    await run({ [name]: folder })
    const caches = name === 'HOME' ? join(folder, '.cache') : folder
    expect(existsSync(join(caches, 'sheikh-freemium/compiled'))).toBe(keepsModules)
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
