import { appendFile, readdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCommandLine } from '../../src/cli/run-command-line.js'
import { commandTrainer } from '../../src/trainer/command/index.js'
import { itInFull } from '../in-full.js'
import {
  changedProject,
  commit,
  edit,
  releasedProject,
  sheikh,
  sheikhJson,
  start,
  tinyProject,
  write,
} from './harness.js'

/** The command line with this text on its standard input. */
async function piped(cwd: string, argv: readonly string[], input: string) {
  let [out, err] = ['', '']
  const code = await runCommandLine(argv, {
    cwd,
    signal: new AbortController().signal,
    out: (text) => {
      out += text
    },
    err: (text) => {
      err += text
    },
    readInput: async () => input,
  })
  return { code, out, err }
}

describe('predict', () => {
  it('answers a text, a file and standard input, and says which release did', async () => {
    const folder = await releasedProject()
    const one = await sheikh(folder, ['predict', 'my password is rejected'])
    expect(one.code, one.err).toBe(0)
    expect(one.out).toMatch(/^login\t0\.\d{4}\n$/)
    expect(one.err).toMatch(/^Answered by release 0\.1\.0 \(sha256:[0-9a-f]{12}\)\.\n$/)
    expect((await sheikh(folder, ['predict', 'my password is rejected', '-q'])).err).toBe('')

    const samples = ['my password is rejected', 'the courier is late'].map((text, index) => ({ id: `s${index}`, text }))
    await write(folder, 'new.jsonl', [...samples, samples[0]].map((sample) => JSON.stringify(sample)).join('\n'))
    const file = await sheikhJson(folder, 'predict', '--file', 'new.jsonl')
    expect(file).toMatchObject({
      code: 0,
      json: {
        release: { version: '0.1.0', bundle: expect.stringMatching(/^sha256:/) },
        predictions: [
          { id: 's0', kind: 'label', label: 'login', probabilities: { login: expect.any(Number) } },
          { id: 's1', kind: 'label', label: 'shipping' },
          { id: 's0', kind: 'label', label: 'login' },
        ],
      },
    })

    const lines = await piped(folder, ['predict'], `my password is rejected\r\n\n${JSON.stringify(samples[1])}\n`)
    expect(lines.out).toMatch(/^login\t[\d.]+\ns1\tshipping\t[\d.]+\n$/)
    expect(lines.out.split('\n')[0]).toBe(one.out.trimEnd())
  })

  it('prints one line per input, whatever the id contains', async () => {
    const input = JSON.stringify({ id: 'a\tb\nc', text: 'my password is rejected' })
    const { out } = await piped(await releasedProject(), ['predict'], input)
    expect(out).toMatch(/^"a\\tb\\nc"\tlogin\t0\.\d{4}\n$/)
  })

  itInFull('as a program reads a pipe', async () => {
    const folder = await releasedProject()
    const started = start('/', ['predict', '--project', folder], { input: 'the app crashes on start\n' })
    expect(await started.ended).toMatchObject({ code: 0, out: expect.stringMatching(/^technical\t/) })
  })

  it('takes a version or a channel', async () => {
    const folder = await changedProject()
    await sheikh(folder, ['promote', '0.1.0', '--to', 'production', '--by', 'Ada'])
    for (const [argv, version] of [
      [[], '0.1.1'],
      [['--version', 'v0.1.0'], '0.1.0'],
      [['--channel', 'production'], '0.1.0'],
      [['--channel', 'latest'], '0.1.1'],
    ] as const)
      expect((await sheikhJson(folder, 'predict', 'hello', ...argv)).json.release.version).toBe(version)
  })

  it('refuses a release that somebody altered', async () => {
    const folder = await releasedProject()
    const releases = join(folder, 'releases')
    const paths = await readdir(releases, { recursive: true })
    const weights = join(releases, paths.find((path) => path.endsWith('model.safetensors'))!)
    const bytes = await readFile(weights)
    bytes[bytes.length - 1]! ^= 1
    await writeFile(weights, bytes)
    const { code, out, err } = await sheikh(folder, ['predict', 'hello'])
    expect([code, out]).toEqual([1, ''])
    expect(err).toContain('[artifact-corrupt]')
  })

  it('renders the template of the input, and warns of one that was not released', async () => {
    const folder = await tinyProject()
    await edit(folder, 'dataset/config.yaml', (text) =>
      text.replace('input: text', 'input: prompts/inference/classify.txt'),
    )
    await commit(folder)
    expect((await sheikh(folder, ['run'])).code).toBe(0)
    const sample = await sheikh(folder, ['predict', '{"text":"apple pear 2"}'])
    expect(sample.code, sample.err).toBe(0)
    expect(sample.out).toMatch(/^fruit\t/)
    expect(sample.err).not.toContain('warning')
    const text = await sheikh(folder, ['predict', 'apple pear'])
    expect([text.code, text.err]).toEqual([
      1,
      expect.stringMatching(/prompts\/inference\/classify\.txt.*\[invalid-options\]/),
    ])
    await appendFile(join(folder, 'prompts/inference/classify.txt'), 'Answer in one word.\n')
    expect((await sheikh(folder, ['predict', '{"text":"apple"}'])).err).toMatch(
      /warning: .*differs from the one in release 0\.1\.0/,
    )
  })

  itInFull('answers with a model of any program', async () => {
    const folder = await tinyProject()
    const program = resolve(import.meta.dirname, '../trainer/command/first-word.mjs')
    await write(folder, 'train/first-word.mjs', await readFile(program, 'utf8'))
    // The one of this process: a project of its own would load the package.
    const shared = Symbol.for('sheikh-freemium.test-predict')
    const command = (mode: string) => [process.execPath, 'first-word.mjs', mode] as const
    const options = {
      fit: command('fit'),
      predict: command('predict'),
      directory: join(folder, 'train'),
      targets: 'labels' as const,
    }
    Object.assign(globalThis, { [shared]: commandTrainer(options) })
    const config = `export default { trainer: globalThis[Symbol.for('${shared.description}')] }\n`
    await write(folder, 'sheikh.config.mjs', config)
    await commit(folder)
    const ran = await sheikh(folder, ['run'])
    expect(ran.code, ran.err).toBe(0)
    const { code, json } = await sheikhJson(folder, 'predict', 'apple cake')
    expect([code, json]).toMatchObject([0, { predictions: [{ kind: 'label', label: 'fruit' }] }])
  })

  it.each([
    ['nothing', [], 'no input is given'],
    ['a text and a file', ['x', '--file', 'y'], 'both a text and --file'],
    ['a version and a channel', ['x', '--version', '0.1.0', '--channel', 'latest'], 'both --version and --channel'],
    ['an unknown version', ['x', '--version', '9.9.9'], '[not-found]'],
    ['an unknown channel', ['x', '--channel', 'prod'], 'Known channels: latest'],
    ['a file that does not exist', ['--file', 'none.jsonl'], '[not-found]'],
    ['half an object', ['{"text":'], 'is not a JSON object'],
    ['a sample without the field', ['{"body":"x"}'], 'no field \\"text\\"'],
  ])('%s is an error', async (_, argv, says) => {
    const folder = await releasedProject()
    const { code, out } = await sheikh(folder, ['predict', ...argv, '--json'])
    expect(code).toBe(1)
    const { error } = JSON.parse(out)
    expect(`${error.message} [${error.code}]`).toContain(says.replaceAll('\\', ''))
  })

  it('an empty pipe and a project without a release are errors', async () => {
    expect((await piped(await releasedProject(), ['predict'], '\n')).err).toContain('the input is empty')
    const nothing = await sheikh(await tinyProject(), ['predict', 'x'])
    expect([nothing.code, nothing.err]).toEqual([1, expect.stringContaining('[not-found]')])
  })
})
