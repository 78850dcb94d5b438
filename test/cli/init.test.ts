import { execFileSync, spawnSync } from 'node:child_process'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { init } from '../../src/cli/commands/init.js'
import * as library from '../../src/index.js'
import { projectTemplates } from '../../src/repository/index.js'
import * as tfjs from '../../src/tfjs.js'
import { itInFull } from '../in-full.js'
import { isWhole } from '../whole.js'
import { preload, sheikh, sheikhJson, start, temporary, write } from './harness.js'

const git = (folder: string, ...argv: readonly string[]) => execFileSync('git', argv, { cwd: folder, encoding: 'utf8' })

/** What `npm install` does, with the library of this process. */
async function install(folder: string): Promise<void> {
  const shared = Symbol.for('sheikh-freemium.test-init')
  Object.assign(globalThis, { [shared]: { library, tfjs } })
  const parts = `globalThis[Symbol.for('${shared.description}')]`
  const exports = { '.': './index.mjs', './tfjs': './tfjs.mjs' }
  const at = 'node_modules/sheikh-freemium'
  await write(folder, `${at}/package.json`, { name: 'sheikh-freemium', version: '0.0.0', type: 'module', exports })
  await write(folder, `${at}/index.mjs`, `export const { commandTrainer } = ${parts}.library\n`)
  await write(folder, `${at}/tfjs.mjs`, `export const { gradientModel, tfjsTrainer } = ${parts}.tfjs\n`)
}

const hasPython = spawnSync('python3', ['--version']).status === 0
if (!hasPython) process.stdout.write('skipped: the template command-python (no program "python3")\n')

it.each(['', 'below'])('names a folder that is a file: %j', async (below) => {
  const folder = await temporary()
  await write(folder, 'file', 'x')
  const { code, err } = await sheikh(folder, ['init', join('file', below)])
  expect([code, err]).toEqual([1, expect.stringMatching(/file(\/below)?": it is a file, or below a file\./)])
})

it('names a project folder that does not exist', async () => {
  const { err } = await sheikh(await temporary(), ['status', '--project', 'nowhere'])
  expect(err).toMatch(/nowhere" does not exist\. .*\[repository-invalid\]/)
})

describe('--template', () => {
  it('has the same names in the help and in the library', async () => {
    expect(init.choices!['template']).toEqual(projectTemplates)
    const { code, err } = await sheikh(await temporary(), ['init', '--template', 'pytorch'])
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/text-classifier, llama, command-python, own-model.*\[invalid-options\]/),
    ])
  })

  // In `npm test`, test/repository/language-model trains a language model, and most tests of commands the text classifier.
  // test/trainer/command runs programs in any language.
  const tried = projectTemplates.filter((name) => isWhole || name === 'own-model')
  it.for(tried)('%s: trains, releases and answers', async (template, { skip }) => {
    skip(template === 'command-python' && !hasPython, 'no program "python3"')
    const folder = join(await temporary(), "the team's tickets 100%")
    const made = await sheikh('/', ['init', folder, '--template', template])
    expect(made.code, made.err).toBe(0)
    expect(made.out).toContain('80 samples pinned')
    expect(git(folder, 'status', '--porcelain')).toBe('')
    const dependency = template === 'command-python' || template === 'own-model'
    expect(made.out.includes('npm install')).toBe(dependency)
    if (dependency) await install(folder)

    const checked = await sheikh(folder, ['validate'])
    expect(checked, checked.err).toMatchObject({ code: 0, err: '' })
    const ran = await sheikh(folder, ['run'])
    expect(ran.code, ran.err).toBe(0)
    expect(ran.out).toMatch(/^Released 0\.1\.0, accuracy /)
    expect(ran.err).not.toContain('no version')
    const answered = await sheikhJson(folder, 'predict', 'Hello, my password is rejected.')
    // The tiny language model is often wrong.
    const label = template === 'llama' ? expect.any(String) : 'login'
    expect(answered.json.predictions).toMatchObject([{ kind: 'label', label }])
    expect((await sheikhJson(folder, 'run')).json.status).toBe('up-to-date')
    expect(git(folder, 'status', '--porcelain')).toBe('')
  })
})

describe('an init that was killed', () => {
  itInFull('is completed by the next: the same files as without', async () => {
    const files = async (folder: string) =>
      (await readdir(folder, { recursive: true }))
        .filter((path) => !path.startsWith('.git/') && path !== '.git')
        .toSorted()
    const below = await temporary()
    const [whole, count] = [join(below, 'whole'), join(below, 'count')]
    const node = ['--import', preload]
    const counted = await start(below, ['init', 'whole', '--name', 'tickets'], {
      node,
      env: { COUNT_UNDER: whole, COUNT_FILE: count },
    }).ended
    expect(counted.code, counted.err).toBe(0)
    const [points, expected] = [Number(await readFile(count, 'utf8')), await files(whole)]
    expect(points).toBeGreaterThan(200)
    const kills = [1, 3, Math.floor(points / 2), points - 4, points - 1]
    for (const at of isWhole ? kills : [kills[2]!]) {
      const folder = join(below, `killed-${at}`)
      const argv = ['init', folder, '--name', 'tickets']
      const killed = await start(below, argv, { node, env: { COUNT_UNDER: folder, KILL_AT: String(at) } }).ended
      expect(killed.signal, killed.err).toBe('SIGKILL')
      const next = await sheikhJson(below, ...argv)
      expect(next, `${at}`).toMatchObject({ code: 0, json: { left: [], pinned: 80 } })
      expect(await files(folder), `${at}`).toEqual(expected)
      expect(git(folder, 'status', '--porcelain')).toBe('')
      expect(git(folder, 'rev-parse', 'HEAD^{tree}')).toBe(git(whole, 'rev-parse', 'HEAD^{tree}'))
      await rm(folder, { recursive: true })
    }
  })
})

it('an existing project: says what it added and what it left', async () => {
  const folder = await temporary()
  git(folder, 'init', '-q')
  await write(folder, 'dataset/samples/mine.jsonl', `${JSON.stringify({ id: 'a', text: 'b', label: 'c' })}\n`)
  await write(folder, 'mlops/pipeline.yaml', 'pipeline: { name: mine }\n')
  const { code, out } = await sheikh(folder, ['init'])
  expect(code).toBe(0)
  expect(out).toMatch(
    /^Added 5 files to .*: \.gitignore, dataset\/config\.yaml, .*\nLeft as they are: mlops\/pipeline\.yaml, dataset\/samples\.\nNext: sheikh validate/,
  )
  const again = await sheikh(folder, ['init'])
  expect(again.out).toMatch(/^Nothing to add: /)
})

it('prints the next commands so that a shell can run them', async () => {
  const folder = await temporary()
  const { out } = await sheikh(folder, ['init', "it's mine"])
  expect(out).toContain(`sheikh plan --project 'it'\\''s mine', then:`)
})
