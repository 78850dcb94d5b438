import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { callContext, digestBytes, digestJson } from '../../src/core/index.js'
import { Dataset, memorySamples, pinnedSet, sampleFiles } from '../../src/dataset/index.js'
import { loadPrompts, prompt } from '../../src/prompts/index.js'
import { memoryStore } from '../../src/store/memory/index.js'

const context = callContext()
const folders: string[] = []
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true })
})

async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sheikh-prompts-'))
  folders.push(folder)
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return folder
}

describe('loadPrompts', () => {
  it('gives every template with its digest, sorted by path', async () => {
    const folder = await folderWith({
      'training/b/x.txt': '{{ text }}',
      'inference/a.txt': 'hi',
      'evaluation/.x.txt': '{{',
      'training/notes.md': '{{',
      'other/x.txt': '{{',
    })
    const files = [
      { path: 'inference/a.txt', text: 'hi', digest: digestBytes('hi') },
      { path: 'training/b/x.txt', text: '{{ text }}', digest: digestBytes('{{ text }}') },
    ]
    const digest = digestJson(files.map((file) => ({ path: file.path, digest: file.digest })))
    expect(await loadPrompts(folder, context)).toEqual({ files, digest })
  })

  it('gives none where there is no folder', async () => {
    const prompts = await loadPrompts(join(await folderWith({}), 'prompts'), context)
    expect(prompts.files).toEqual([])
  })

  it('names the file and the line of one that is not Jinja', async () => {
    const folder = await folderWith({ 'training/x.txt': 'a\n{% if b %}' })
    await expect(loadPrompts(folder, context)).rejects.toMatchObject({
      code: 'template-invalid',
      facts: { file: 'prompts/training/x.txt', line: 2 },
    })
  })

  it.skipIf(process.platform === 'win32')('refuses a name that no registry can keep', async () => {
    for (const name of ['a\\b.txt', 'a:b.txt', 'a\nb.txt']) {
      const folder = await folderWith({ [`training/${name}`]: 'hi' })
      await expect(loadPrompts(folder, context)).rejects.toMatchObject({
        code: 'template-invalid',
        message: expect.stringContaining('a release cannot contain a file with this name. Rename the file'),
      })
    }
  })

  it('refuses symbolic links, what is not UTF-8, what is too large, and pointers of Git LFS', async () => {
    const outside = await folderWith({ 'x.txt': 'secret' })
    const linked = await folderWith({ 'training/a.txt': '' })
    await symlink(join(outside, 'x.txt'), join(linked, 'training/x.txt'))
    const wholeFolder = await folderWith({})
    await symlink(outside, join(wholeFolder, 'training'))
    const binary = await folderWith({ 'training/x.txt': new Uint8Array([0xff]) })
    const large = await folderWith({ 'training/x.txt': 'x'.repeat(4_000_001) })
    const pointer = await folderWith({
      'training/x.txt': `version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 3\n`,
    })
    for (const folder of [linked, wholeFolder, binary, large, pointer])
      await expect(loadPrompts(folder, context)).rejects.toMatchObject({ code: 'template-invalid' })
  })

  it('an abort rejects with its reason, untouched', async () => {
    const reason = new Error('enough')
    await expect(loadPrompts('prompts', callContext({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
  })
})

describe('prompt as a part of a row', () => {
  const samples = [
    { id: 'a', text: 'one', label: 'x' },
    { id: 'b', text: 'two', label: 'y' },
  ]

  it('renders the fields of each sample', async () => {
    const directory = await folderWith({ 'training/x.txt': 'Classify: {{ text | upper }}' })
    const schema = z.object({ id: z.string(), text: z.string(), label: z.string() })
    const options = {
      source: memorySamples(samples),
      schema,
      input: prompt('training/x.txt', { directory }),
      target: 'label',
    } as const
    const [first] = await new Dataset(options).identities()
    const evaluation = pinnedSet({ formatVersion: 1, salt: 's', purpose: 'p', share: 0.5, items: [first!] })
    const dataset = new Dataset({ ...options, evaluation })
    expectTypeOf(dataset).toEqualTypeOf<Dataset<string, string>>()
    const rows = []
    for await (const row of (await dataset.snapshot(context)).training) rows.push(row)
    expect(rows).toEqual([{ id: 'b', input: 'Classify: TWO', target: 'y', slices: {} }])
  })

  it('a field that no sample has is an error with file and line, not one of the sample', async () => {
    const directory = await folderWith({ 'x.txt': 'a\n{{ txt }}' })
    const dataset = new Dataset({ source: memorySamples(samples), input: prompt('x.txt', { directory }) })
    await expect(dataset.identities()).rejects.toMatchObject({
      code: 'template-invalid',
      message: expect.stringContaining('"x.txt", line 2, column 4: the variable "txt" is unknown'),
      facts: { file: 'x.txt', line: 2, variable: 'txt' },
    })
  })

  it('its description holds the template: an edited one renders anew, an equal one does not', async () => {
    const directory = await folderWith({ 'x.txt': '{{ text }}', 's/a.json': JSON.stringify(samples[0]) })
    let reads = 0
    const files = sampleFiles(join(directory, 's'))
    const source = {
      ...files,
      list: async (listContext: typeof context) =>
        (await files.list(listContext)).map((entry) => ({
          ...entry,
          read: (readContext: typeof context) => {
            reads += 1
            return entry.read(readContext)
          },
        })),
    }
    const store = memoryStore()
    const later = { ...callContext({ clock: { nowMs: () => Date.now() + 3_600_000 } }), cache: store.documents }
    const identities = () => new Dataset({ source, input: prompt('x.txt', { directory }) }).identities(later)
    const [before] = await identities()
    expect(await identities()).toEqual([before])
    expect(reads).toBe(1)
    await writeFile(join(directory, 'x.txt'), '{{ text }}!')
    expect(await identities()).not.toEqual([before])
    expect(reads).toBe(2)
  })

  it.each(['', ' \n', 'Say yes.', '{# {{ text }} #}'])(
    'a template without a field of the samples is refused: %j',
    async (text) => {
      const directory = await folderWith({ 'same.txt': text })
      await expect(prompt('same.txt', { directory }).load?.(context)).rejects.toMatchObject({
        code: 'template-invalid',
        message: expect.stringContaining('the same for every sample'),
      })
    },
  )

  it('a template that is not there is named, and one that is not loaded renders nothing', async () => {
    const missing = prompt('nowhere.txt')
    await expect(missing.load?.(context)).rejects.toMatchObject({
      code: 'template-invalid',
      facts: { file: 'nowhere.txt' },
    })
    expect(() => missing.project({})).toThrow(expect.objectContaining({ code: 'invalid-options' }))
    expect(missing.describe()).toEqual({ path: 'nowhere.txt', template: null })
  })
})
