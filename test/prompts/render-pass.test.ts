import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { Dataset, memorySamples, sampleFiles } from '../../src/dataset/index.js'
import { prompt, type RenderLimits } from '../../src/prompts/index.js'
import { anyText } from '../any-text.js'
import { rounds } from '../whole.js'

const context = callContext()
const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function promptOf(template: string, limits?: Partial<RenderLimits>) {
  const directory = await mkdtemp(join(tmpdir(), 'sheikh-render-'))
  folders.push(directory)
  await mkdir(join(directory, 'prompts'))
  await writeFile(join(directory, 'prompts/x.txt'), template)
  const part = prompt('prompts/x.txt', { directory, limits })
  await part.load!(context)
  return part
}

const placesOf = (samples: readonly object[]) =>
  samples.map((_, index) => ({ path: 'a.jsonl', position: `line ${index + 1}`, id: `s${index}` }))
/** More work than is done before a thread starts. */
const busy = '{% for i in range(500) %}{% set x = i %}{% endfor %}'

describe('a pass over samples', () => {
  it('renders the same text in a thread as here, for any JSON', { timeout: 240_000 }, async () => {
    const template =
      '{{ a }}|{{ a | tojson }}|{{ b.c | default("none") }}|{% for x in list %}{{ loop.index }}{{ x }}{% endfor %}|{{ a | string | upper }}'
    const part = await promptOf(template)
    const pass = part.openPass!(context)
    // The thread starts.
    const warm = Array.from({ length: 20_000 }, () => ({ a: 1, b: {}, list: [] }))
    await pass.projectAll(warm, placesOf(warm))
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            a: fc.jsonValue({ stringUnit: 'grapheme' }),
            b: fc.oneof(fc.record({ c: anyText() }), fc.constant({})),
            list: fc.array(fc.oneof(fc.integer(), fc.double({ noNaN: true }), fc.string(), fc.constant(null))),
            other: fc.constant('not read'),
          }),
          { minLength: 1, maxLength: 5 },
        ),
        async (samples) => {
          const messageOf = (error: Error) => error.message.split(' The sample ')[0]
          const there = await pass.projectAll(samples, placesOf(samples)).catch(messageOf)
          const here = await Promise.all(samples.map(async (sample) => part.project(sample))).catch(messageOf)
          expect(there).toEqual(here)
        },
      ),
      { numRuns: rounds(100) },
    )
    pass.close()
  })

  it('gives overlapping calls their own texts, in order', async () => {
    const part = await promptOf(`${busy}{{ n }}`)
    const pass = part.openPass!(context)
    const batches = Array.from({ length: 40 }, (_, batch) =>
      Array.from({ length: batch % 7 }, (_, index) => ({ n: 100 * batch + index })),
    )
    const texts = await Promise.all(batches.map((batch) => pass.projectAll(batch, placesOf(batch))))
    pass.close()
    expect(texts).toEqual(batches.map((batch) => batch.map(({ n }) => String(n))))
  })

  it.each([0, 150])('names the first sample with an error, sample %i, and the place in the template', async (first) => {
    const part = await promptOf(`${busy}\n{{ n }}{% if n in bad %}{{ raise_exception("no") }}{% endif %}`)
    const pass = part.openPass!(context)
    const samples = Array.from({ length: 300 }, (_, n) => ({ n, bad: [first, 200, 201] }))
    await expect(pass.projectAll(samples, placesOf(samples))).rejects.toMatchObject({
      code: 'template-invalid',
      message: expect.stringMatching(
        new RegExp(`line 2, column \\d+: .*no\\..* The sample "s${first}" is in "a.jsonl", line ${first + 1}\\.$`),
      ),
      facts: {
        file: 'prompts/x.txt',
        line: 2,
        column: expect.any(Number),
        sample: { id: `s${first}`, path: 'a.jsonl', position: `line ${first + 1}` },
      },
    })
    pass.close()
  })

  it('names the first sample that lacks a variable', async () => {
    const part = await promptOf(`${busy}{{ n }}{{ m }}`)
    const pass = part.openPass!(context)
    const samples = Array.from({ length: 300 }, (_, n) => ({ n, ...(n !== 170 && { m: 1 }) }))
    await expect(pass.projectAll(samples, placesOf(samples))).rejects.toMatchObject({
      message: expect.stringContaining('the variable "m" is unknown. Available: "n". The sample "s170"'),
    })
    pass.close()
  })

  it('ends a thread that takes too long, and says where it was', async () => {
    const endless = `${busy}\n{% if n == 170 %}\n{% for i in range(100000) %}{% for j in range(100000) %}{% set x = i %}{% endfor %}{% endfor %}{% endif %}`
    const part = await promptOf(endless, { steps: 1e12, seconds: 1 })
    const pass = part.openPass!(context)
    const samples = Array.from({ length: 300 }, (_, n) => ({ n }))
    await expect(pass.projectAll(samples, placesOf(samples))).rejects.toMatchObject({
      code: 'template-invalid',
      message: expect.stringContaining('rendering takes longer than 1 seconds'),
      facts: { line: 3, sample: { id: 's170' } },
    })
    pass.close()
    // The next pass has another thread.
    const sound = (await promptOf(`${busy}{{ n }}`)).openPass!(context)
    expect(await sound.projectAll(samples, placesOf(samples))).toHaveLength(300)
    sound.close()
  })

  it('an abort ends rendering at once, with its reason', async () => {
    const controller = new AbortController()
    const part = await promptOf(
      `${busy}{% for i in range(100000) %}{% for j in range(100000) %}{% set x = i %}{% endfor %}{% endfor %}`,
      { steps: 1e12 },
    )
    const first = await promptOf(`${busy}{{ n }}`)
    // The endless template must not run in this thread.
    const warm = Array.from({ length: 300 }, (_, n) => ({ n }))
    const opened = first.openPass!(context)
    await opened.projectAll(warm, placesOf(warm))
    opened.close()
    const pass = part.openPass!(callContext({ signal: controller.signal }))
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(pass.projectAll(warm, placesOf(warm))).rejects.toBe(reason)
    pass.close()
  })

  it('limits the texts of all samples together', async () => {
    const part = await promptOf('{{ "x" * 1000 }}{{ n }}', { totalCharacters: 50_000 })
    const pass = part.openPass!(context)
    const samples = Array.from({ length: 100 }, (_, n) => ({ n }))
    await expect(pass.projectAll(samples, placesOf(samples))).rejects.toMatchObject({
      code: 'template-invalid',
      message: expect.stringContaining('the prompts of all samples together have more than 50000 characters'),
      facts: { sample: { id: 's49' } },
    })
    pass.close()
  })

  it.each([
    ['steps', 0],
    ['characters', 1.5],
    ['totalCharacters', -1],
    ['seconds', Number.NaN],
  ])('refuses the limit %s: %d', (name, value) => {
    expect(() => prompt('prompts/x.txt', { limits: { [name]: value } })).toThrow(`Cannot render with the limit ${name}`)
  })

  it('a value that is no JSON is refused in a thread as it is here', async () => {
    class Money {
      amount = 1
    }
    const part = await promptOf(`${busy}{{ n }}`)
    const pass = part.openPass!(context)
    const samples = Array.from({ length: 200 }, (_, n) => ({ n: n === 190 ? new Money() : n }))
    await expect(pass.projectAll(samples, placesOf(samples))).rejects.toMatchObject({
      message: expect.stringContaining('"n" is not a JSON value'),
      facts: { sample: { id: 's190' } },
    })
    pass.close()
  })
})

describe('a dataset whose inputs are prompts', () => {
  it('has the same rows whether files are many or one, and whichever thread renders', async () => {
    const template = await promptOf(`${busy}{{ text }} {{ n }}`)
    const few = await promptOf('{{ text }} {{ n }}')
    const samples = Array.from({ length: 400 }, (_, n) => ({ id: `s${n}`, text: `text ${n}`, n, label: 'a' }))
    const directory = await mkdtemp(join(tmpdir(), 'sheikh-render-'))
    folders.push(directory)
    await mkdir(join(directory, 'many'))
    for (const sample of samples) await writeFile(join(directory, 'many', `${sample.id}.json`), JSON.stringify(sample))
    await mkdir(join(directory, 'one'))
    await writeFile(join(directory, 'one/all.jsonl'), samples.map((sample) => JSON.stringify(sample)).join('\n'))
    const identities = async (source: Parameters<typeof datasetWith>[0], input: typeof template) =>
      (await datasetWith(source, input).identities(context)).map(({ id, digest }) => [id, digest])
    const datasetWith = (source: ReturnType<typeof memorySamples>, input: typeof template) =>
      new Dataset<object>({ source, input: input as never, target: 'label' as never })
    const expected = await identities(memorySamples(samples), few)
    for (const folder of ['many', 'one'])
      expect(await identities(sampleFiles({ directory: join(directory, folder) }), template)).toEqual(expected)
  })

  it('names the sample whose prompt cannot be made', async () => {
    const input = await promptOf('{{ text }}')
    const source = memorySamples([{ id: 'a', text: 'x' }, { id: 'b' }])
    const dataset = new Dataset<object>({ source, input: input as never })
    await expect(dataset.identities(context)).rejects.toMatchObject({
      code: 'template-invalid',
      facts: { file: 'prompts/x.txt', line: 1, column: 4, sample: { id: 'b' } },
    })
  })
})
