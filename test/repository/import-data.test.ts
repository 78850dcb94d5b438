import { mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../src/core/index.js'
import { parsePinnedSet } from '../../src/dataset/index.js'
import { splitSamples } from '../../src/repository/import-data/split-samples.js'
import { type ImportDataOptions, importData, initRepository, openRepository } from '../../src/repository/index.js'
import { itInFull } from '../in-full.js'
import { sampleOf } from '../whole.js'
import { temporaryFolder } from './harness.js'
import { oidOf, pointerTo } from './lfs-server.js'

type Record = { readonly [field: string]: unknown }

/** Texts of twelve words that hardly share a pair of words. */
function text(seed: number): string {
  const random = seededRandom(`text ${seed}`)
  const syllable = () => 'bcdfghklmnprstvw'[random.below(16)]! + 'aeiou'[random.below(5)]!
  return Array.from({ length: 12 }, () => syllable() + syllable()).join(' ')
}

const tickets = (count: number): readonly Record[] =>
  Array.from({ length: count }, (_, index) => ({
    id: `t${index}`,
    body: text(index),
    label: ['billing', 'login', 'other'][index % 3],
  }))

async function file(name: string, content: unknown): Promise<string> {
  const path = join(temporaryFolder(), name)
  await mkdir(dirname(path), { recursive: true })
  const lines = () => (content as readonly unknown[]).map((item) => `${JSON.stringify(item)}\n`).join('')
  await writeFile(
    path,
    typeof content === 'string' ? content : name.endsWith('.jsonl') ? lines() : JSON.stringify(content),
  )
  return path
}

const plan = async (name: string, content: unknown, options: ImportDataOptions = {}) =>
  (await importData(join(temporaryFolder(), 'project'), await file(name, content), options)).plan

const read = async (root: string, path: string) => readFile(join(root, path), 'utf8')
const samplesIn = async (root: string, path: string): Promise<readonly Record[]> =>
  (await read(root, path))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('importData', () => {
  it('creates a project that validates, from a CSV file, and changes nothing before', async () => {
    const root = join(temporaryFolder(), 'project')
    const rows = tickets(300).map(
      ({ body, label }, index) => `${body},${label},thread-${index >> 1},${index % 2 ? 'en' : 'de'}`,
    )
    const source = await file('mails.csv', `mail,category,thread,lang\n${rows.join('\n')}\n`)
    const { plan, apply } = await importData(root, source)
    expect(plan).toMatchObject({ records: 300, samples: 300, createsProject: true, problems: [] })
    expect(plan.projection).toMatchObject({
      id: { field: 'id' },
      input: { field: 'mail' },
      target: { field: 'category', reason: expect.stringContaining('3 different values in 300 records') },
      group: { field: 'thread' },
      slices: [{ field: 'lang' }],
    })
    await expect(readFile(join(root, 'dataset/config.yaml'))).rejects.toThrow('ENOENT')

    const done = await apply()
    expect(done).toMatchObject({ samples: 300, commit: expect.any(String) })
    const repository = await openRepository(root)
    const summary = await repository.validate()
    expect(summary.counts).toMatchObject({ rows: 300, evaluation: done.pinned, excludedByGroup: 0 })
    expect(await (await repository.load()).dirtyPaths()).toEqual([])
    // The same import again has nothing to do.
    const again = await importData(root, source)
    expect(again.plan.problems).toEqual([])
    expect(again.plan.files).toEqual([])
    expect(await again.apply()).toMatchObject({ written: [] })
    expect((await again.apply()).commit).toBeUndefined()
  })

  it('completes the settings of an untouched sheikh init --empty, and keeps the settings of other projects', async () => {
    const source = await file('mails.jsonl', tickets(60))
    const untouched = join(temporaryFolder(), 'project')
    await initRepository(untouched, { samples: false })
    await (await importData(untouched, source)).apply()
    expect(await read(untouched, 'dataset/config.yaml')).toContain('input: body')
    await (await openRepository(untouched)).validate()

    const changed = join(temporaryFolder(), 'project')
    await initRepository(changed, { samples: false })
    const settings = `${await read(changed, 'dataset/config.yaml')}# ours\n`
    await writeFile(join(changed, 'dataset/config.yaml'), settings)
    const { plan, apply } = await importData(changed, source)
    expect(plan.projection.input).toMatchObject({ field: 'text', from: 'body' })
    await apply()
    expect(await read(changed, 'dataset/config.yaml')).toBe(settings)
    expect((await samplesIn(changed, 'dataset/samples/mails/mails.jsonl'))[0]).toEqual({
      id: 't0',
      text: text(0),
      label: 'billing',
    })
    await (await openRepository(changed)).validate()
  })

  it('adds training data to a project with an evaluation set: nothing that is there or like an item that is judged', async () => {
    const root = join(temporaryFolder(), 'project')
    const first = tickets(200)
    await (await importData(root, await file('mails.jsonl', first))).apply()
    const pinned = parsePinnedSet(JSON.parse(await read(root, 'dataset/evaluation.json')))
    const judged = first.find(({ id }) => id === pinned.items[0]!.id)!
    const trained = first.find(({ id }) => !pinned.items.some((item) => item.id === id))!
    const more = [
      { ...judged, id: 'copy', body: `${String(judged['body'])}!` },
      trained,
      { id: 'new', body: text(9999), label: 'login' },
    ]
    const { plan, apply } = await importData(root, await file('more.jsonl', more), { to: 'dataset/samples/web' })
    expect(plan).toMatchObject({
      samples: 1,
      split: { kind: 'kept', evaluation: pinned.items.length },
      leftOut: [
        { reason: 'already-in-project', places: ['line 2'] },
        { reason: 'like-evaluation-item', places: ['line 1'] },
      ],
    })
    await apply()
    expect(await samplesIn(root, 'dataset/samples/web/more.jsonl')).toHaveLength(1)
    const other = await importData(root, await file('spam.jsonl', [{ id: 'x', body: text(9998), label: 'spam' }]))
    expect(other.plan.problems).toEqual([expect.stringMatching(/spam\/spam.jsonl.*allowed values/)])
    await expect(other.apply()).rejects.toMatchObject({ code: 'dataset-invalid' })
    const clash = await importData(root, await file('x.jsonl', [{ ...trained, label: 'other', body: 'another text' }]))
    expect(clash.plan.problems).toEqual([expect.stringContaining(`such as "${String(trained['id'])}"`)])
  })

  it('never divides equal or nearly equal texts, or a group', async () => {
    const root = join(temporaryFolder(), 'project')
    const rows = tickets(240).map((row, index) => {
      const twin = index % 4 === 1 ? text(index - 1) : undefined
      const near = index % 4 === 3 ? `${text(index - 1)} please` : undefined
      return { ...row, body: twin ?? near ?? row['body'], thread: `g${index >> 3}` }
    })
    const { plan, apply } = await importData(root, await file('a.jsonl', rows), { group: false })
    expect(plan.split.together).toBe(240)
    await apply()
    const pinned = new Set(
      parsePinnedSet(JSON.parse(await read(root, 'dataset/evaluation.json'))).items.map(({ id }) => id),
    )
    expect(pinned.size).toBeGreaterThan(40)
    for (let index = 0; index < 240; index += 2) expect(pinned.has(`t${index}`)).toBe(pinned.has(`t${index + 1}`))
  })

  it('selects as many groups as the gate needs, and says how many there are', async () => {
    const grouped = (count: number, size: number) =>
      tickets(count).map((row, index) => ({ ...row, thread: `g${Math.floor(index / size)}` }))
    const small = await plan('a.jsonl', grouped(300, 3), { group: 'thread' })
    expect(small.notes).toContainEqual(
      expect.stringMatching(/^An evaluation set of \d+ items in \d+ groups is too small/),
    )
    const { split, notes } = await plan('a.jsonl', grouped(900, 2), { group: 'thread' })
    expect(split.evaluation).toBeGreaterThan(2 * 149)
    expect(notes.filter((note) => note.includes('too small'))).toEqual([])
  })

  it('keeps a training sample of each label', async () => {
    const rows = [
      ...tickets(60),
      ...[1, 2].map((index) => ({ id: `r${index}`, body: text(500 + index), label: 'rare' })),
    ]
    for (const name of sampleOf(['a', 'b', 'c', 'd'], 1)) {
      const root = join(temporaryFolder(), name)
      await (await importData(root, await file('a.jsonl', rows), { share: 0.9 })).apply()
      const { labels } = await (await openRepository(root)).validate()
      expect(labels!.training['rare']).toBeGreaterThan(0)
    }
  })

  it('makes ids that stay the same when lines move, and leaves out copies', async () => {
    const rows = tickets(30).map(({ body, label }) => ({ body, label }))
    const root = join(temporaryFolder(), 'project')
    await (await importData(root, await file('a.jsonl', rows))).apply()
    const other = join(temporaryFolder(), 'project')
    const { plan, apply } = await importData(other, await file('a.jsonl', [...rows].reverse().concat(rows[3]!)))
    expect(plan.leftOut).toEqual([{ reason: 'copy', count: 1, places: ['line 31'] }])
    await apply()
    const ids = async (folder: string) =>
      (await samplesIn(folder, 'dataset/samples/a/a.jsonl')).map(({ id }) => id).sort()
    expect(await ids(other)).toEqual(await ids(root))
  })
})

describe('hard cases of a project', () => {
  it('says in the plan that the file of the samples exists, and imports the new records elsewhere', async () => {
    const root = join(temporaryFolder(), 'project')
    const source = await file('a.jsonl', tickets(60))
    await (await importData(root, source)).apply()
    await writeFile(
      source,
      tickets(66)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(''),
    )
    const again = await importData(root, source)
    expect(again.plan.problems).toEqual([expect.stringMatching(/a\/a.jsonl" exists and has other content.*--to/)])
    await expect(again.apply()).rejects.toMatchObject({ code: 'dataset-invalid' })
    const { plan, apply } = await importData(root, source, { to: 'dataset/samples/b' })
    expect([plan.samples, plan.problems]).toEqual([6, []])
    await apply()
    expect((await (await openRepository(root)).validate()).counts.rows).toBe(66)
  })

  it('removes the temporary file of an interrupted .gitkeep', async () => {
    const root = join(temporaryFolder(), 'project')
    const left = 'dataset/samples/..gitkeep.056978af-81ca-479a-b6c2-9e3133c69bff.tmp'
    await mkdir(join(root, dirname(left)), { recursive: true })
    await writeFile(join(root, left), '')
    await (await importData(root, await file('a.jsonl', tickets(60)))).apply()
    await expect(read(root, left)).rejects.toThrow('ENOENT')
  })

  it('names the place in the source of a sample that the schema of the project rejects', async () => {
    const root = join(temporaryFolder(), 'project')
    await (await importData(root, await file('a.jsonl', tickets(60)))).apply()
    const more = [
      { id: 'n1', body: null, label: 'login' },
      { id: 'n2', body: text(900), label: 'spam' },
    ]
    const { problems } = (await importData(root, await file('b.jsonl', more))).plan
    expect(problems).toEqual([expect.stringContaining('line 2')])
  })

  it('accepts later records without the fields that no setting names', async () => {
    const root = join(temporaryFolder(), 'project')
    const rows = tickets(60).map((row) => ({ ...row, channel: 'mail', meta: { page: 1 } }))
    await (await importData(root, await file('a.jsonl', rows))).apply()
    const { plan } = await importData(
      root,
      await file('b.jsonl', [{ id: 'n', body: text(900), label: 'login', meta: {} }]),
    )
    expect([plan.samples, plan.problems]).toEqual([1, []])
  })

  it('tells of equal inputs with different labels, and with the same label', async () => {
    const rows = tickets(60)
    const conflicts = [0, 1].map((index) => ({ ...rows[index], id: `c${index}`, label: 'other' }))
    const { notes } = await plan('a.jsonl', [...rows, ...conflicts, { ...rows[5], id: 'again' }])
    expect(notes).toContainEqual(
      expect.stringMatching(/^2 inputs with different labels, such as samples "c0" and "t0"/),
    )
    expect(notes).toContainEqual('1 sample with the input and the label of another sample.')
  })

  it('says why no evaluation set can be selected', async () => {
    const one = tickets(60).map((row) => ({ ...row, body: 'one text' }))
    const few = tickets(3)
    for (const { problems } of [
      await plan('a.jsonl', one),
      await plan('a.jsonl', tickets(60), { group: 'label' }),
      await plan('a.jsonl', few, { target: 'label' }),
    ])
      expect(problems).toEqual([expect.stringContaining('No sample can be selected for the evaluation set')])
  })

  it('leaves out records that are not valid Unicode', async () => {
    for (const own of [true, false]) {
      const rows = tickets(40).map(({ id, ...row }, index) => ({
        ...(own && { id }),
        ...row,
        body: index === 3 ? `${String(row['body'])} \ud83d` : row['body'],
      }))
      const { leftOut, samples, problems } = await plan('a.jsonl', rows)
      expect([leftOut, samples, problems]).toEqual([[{ reason: 'not-json', count: 1, places: ['line 4'] }], 39, []])
    }
  })

  itInFull('selects groups of more samples than a call has arguments', () => {
    const rows = Array.from({ length: 200_000 }, (_, index) => ({
      ...{ id: `r${index}`, slices: {}, digest: '', sampleDigest: undefined, label: index % 2 ? 'a' : 'b' },
      group: `g${index % 4 < 2 ? 0 : 1}`,
    })) as unknown as Parameters<typeof splitSamples>[0]
    const { evaluation } = splitSamples(
      rows,
      rows.map((_, index) => index),
      { salt: 's', share: 0.5 },
    )
    expect(evaluation).toHaveLength(100_000)
  })
})

describe('the proposal', () => {
  it('does not take a repeated "id" for the id, and keeps it', async () => {
    const rows = tickets(40).map((row, index) => ({ ...row, id: index >> 1 }))
    const { projection, notes, problems } = await plan('a.jsonl', rows)
    expect(projection.id).toEqual({ field: 'id', reason: expect.stringContaining('digest') })
    expect(notes).toContainEqual(expect.stringContaining('20 of 40 records repeat'))
    expect(notes).toContainEqual('The field "id" is written as "source_id".')
    expect(problems).toEqual([])
    expect((await plan('a.jsonl', rows, { id: 'id' })).problems).toEqual([expect.stringContaining('20 of 40')])
  })

  it('fills in ids that are missing', async () => {
    const rows = tickets(40).map((row, index) => (index % 5 === 0 ? { ...row, id: null } : row))
    const { projection, notes, samples } = await plan('a.jsonl', rows)
    expect([projection.id.from, samples]).toEqual(['id', 40])
    expect(notes).toContainEqual('8 records without an id: the import makes ids from a digest of the content.')
  })

  it('takes no dates, measurements, almost unique values or single values for labels, and says why', async () => {
    const wrong: readonly [string, (index: number) => unknown, string][] = [
      ['label', (index) => `2026-01-${String((index % 9) + 10)}`, 'dates'],
      ['label', (index) => index / 7 - ((index / 7) % 0.25), 'measurements'],
      ['label', (index) => `answer ${index}`, 'rarely repeat (60 different values in 60 records)'],
      ['label', () => 'yes', 'only one value'],
      ['label', (index) => [index % 2], 'lists'],
    ]
    for (const [name, value, why] of wrong) {
      const rows = tickets(60).map(({ body }, index) => ({ body, [name]: value(index) }))
      const { notes, problems } = await plan('a.jsonl', rows)
      expect(notes).toContainEqual(expect.stringContaining(why))
      expect(problems).toContainEqual(expect.stringContaining('No field looks like a label'))
    }
  })

  it('writes numbers as labels as text, and warns of free text that a person names', async () => {
    const rows = tickets(60).map(({ body }, index) => ({
      body,
      stars: (index % 5) + 1,
      answer: `because ${text(index)}`,
    }))
    const stars = await plan('a.jsonl', rows)
    expect(stars.projection.target.field).toBe('stars')
    expect(stars.labels).toMatchObject({ '1': 12 })
    expect(stars.schema).toMatchObject({ properties: { stars: { type: 'string', enum: ['1', '2', '3', '4', '5'] } } })
    expect(stars.notes).toContainEqual(expect.stringContaining('60 places'))
    const free = await plan('a.jsonl', rows, { target: 'answer', input: 'body' })
    expect(free.notes).toContainEqual(expect.stringContaining('llama'))
  })

  it('asks if several fields could be the label', async () => {
    const rows = tickets(60).map(({ body }, index) => ({ body, alpha: index % 2, beta: index % 3 }))
    expect((await plan('a.jsonl', rows)).problems).toEqual([expect.stringMatching(/"alpha".*"beta".*--target/)])
  })

  it('takes nested fields by their path, and mixed types', async () => {
    const rows = tickets(60).map(({ id, body, label }, index) => ({
      key: id,
      data: { text: index === 7 ? 12345678 : body, meta: { label, author: `a${index % 10}` } },
      tags: [index, 'x'],
    }))
    const root = join(temporaryFolder(), 'project')
    const { plan: found, apply } = await importData(root, await file('a.json', { version: 1, data: rows }))
    expect(found.projection).toMatchObject({
      id: { from: 'key' },
      input: { field: 'text', from: 'data.text', reason: expect.stringContaining('mixed types (text 59, numbers 1)') },
      target: { from: 'data.meta.label' },
      group: { from: 'data.meta.author' },
    })
    await apply()
    const [first] = await samplesIn(root, 'dataset/samples/a/a.jsonl')
    expect(first).toEqual({ key: 't0', text: text(0), label: 'billing', author: 'a0', tags: [0, 'x'] })
    await (await openRepository(root)).validate()
  })

  it('reads hostile and empty data', async () => {
    await expect(plan('a.jsonl', '')).rejects.toThrow('contains no records')
    await expect(plan('a.json', [])).rejects.toThrow('contains no records')
    await expect(plan('a.json', [1, 'x'])).rejects.toThrow('not-an-object: 2')
    await expect(plan('a.json', { a: 1 })).rejects.toThrow('neither a list of records')
    await expect(plan('a.json', { a: [{}], b: [{}] })).rejects.toThrow('several lists ("a", "b")')
    await expect(importData(temporaryFolder(), temporaryFolder())).rejects.toThrow('it is a folder')
    await expect(plan('a', 'x')).rejects.toThrow('it has no extension')
    await expect(importData(temporaryFolder(), 'hf:datasets/imdb')).rejects.toThrow('is not an address of a dataset')
    expect((await plan('a.csv', 'text\nhello\nthere\n')).problems).toEqual([
      expect.stringContaining('only the field "text"'),
    ])
    await expect(plan('a.xlsx', 'x')).rejects.toThrow('its extension is ".xlsx"')
    await expect(plan('a.jsonl', '{"a":1}\n{"a"')).rejects.toThrow('line 2')
    await expect(importData(temporaryFolder(), '/nowhere/a.csv')).rejects.toMatchObject({ code: 'not-found' })
    await expect(plan('a.jsonl', tickets(40), { input: 'boddy' })).rejects.toThrow('Did you mean "body"')
    await expect(plan('a.jsonl', tickets(40), { to: 'elsewhere' })).rejects.toMatchObject({ code: 'invalid-options' })
    await expect(plan('a.jsonl', tickets(40), { to: 'dataset/samples/../schemas/x' })).rejects.toMatchObject({
      code: 'invalid-options',
    })
    const wide = [Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`c${index}`, 1]))]
    await expect(plan('a.json', wide)).rejects.toThrow('more than 1,000 fields')
    const odd = tickets(40).map((row) => JSON.stringify(row).replace('"id"', '"__proto__":{"a":1},"id"'))
    expect((await plan('a.jsonl', odd.join('\n'))).samples).toBe(40)
  })

  itInFull('reads a text of ten million characters', async () => {
    const large = tickets(40).map((row, index) => (index === 3 ? { ...row, body: 'x '.repeat(5_000_000) } : row))
    expect((await plan('a.jsonl', large)).projection.input.reason).toContain('at most 10,000,000')
  })

  it('reads compressed files, and tables whose separator or charset a person names', async () => {
    const packed = await file('a.csv.gz', '')
    const rows = tickets(40).map(({ body, label }) => `${body};${label}`)
    await writeFile(packed, gzipSync(`body;label\n${rows.join('\n')}\n`))
    const root = join(temporaryFolder(), 'project')
    expect((await importData(root, packed)).plan.files[0]!.path).toBe('dataset/samples/a/a.jsonl')
    const latin = await file('a.csv', '')
    await writeFile(latin, Buffer.from(`body;label\n${rows.map((row) => `${row}é`).join('\n')}\n`, 'latin1'))
    await expect(importData(root, latin)).rejects.toThrow('UTF-8')
    const { plan: read } = await importData(root, latin, { csv: { separator: ';', charset: 'latin1' } })
    expect(Object.keys(read.labels)).toEqual(['billingé', 'loginé', 'otheré'])
  })

  itInFull('reads Parquet, and makes the same samples of it as of JSON Lines', async () => {
    const rows = tickets(40)
    const column = (name: string) => ({ name, data: rows.map((row) => row[name] as string), type: 'STRING' as const })
    const packed = await file('a.parquet', '')
    await writeFile(packed, new Uint8Array(parquetWriteBuffer({ columnData: ['id', 'body', 'label'].map(column) })))
    const root = join(temporaryFolder(), 'project')
    await (await importData(root, packed)).apply()
    const lines = join(temporaryFolder(), 'project')
    await (await importData(lines, await file('a.jsonl', rows))).apply()
    const path = 'dataset/samples/a/a.jsonl'
    expect(await read(root, path)).toBe(await read(lines, path))
  })

  it('leaves out records without an input or a label, and trims labels', async () => {
    const rows = tickets(40).map((row, index) =>
      index === 1
        ? { ...row, body: ' ' }
        : index === 2
          ? { ...row, label: null }
          : index === 3
            ? { ...row, label: 'billing ' }
            : row,
    )
    const { leftOut, differentLabels, problems } = await plan('a.jsonl', rows)
    expect(leftOut).toEqual([
      { reason: 'no-input', count: 1, places: ['line 2'] },
      { reason: 'no-target', count: 1, places: ['line 3'] },
    ])
    expect([differentLabels, problems]).toEqual([3, []])
  })
})

describe('Label Studio', () => {
  const choice = (label: string) => [{ type: 'choices', value: { choices: [label] } }]
  const task = (id: number, ...annotations: readonly Record[]) => ({
    id,
    data: { text: text(id), prediction: 'p' },
    annotations,
  })

  it('takes the answer of the majority, and leaves out disagreement and cancelled annotations', async () => {
    const tasks = [
      ...Array.from({ length: 40 }, (_, index) => task(index, { result: choice(index % 2 ? 'a' : 'b') })),
      task(40, { result: choice('a') }, { result: choice('b') }),
      task(41, { result: choice('a') }, { result: choice('b') }, { result: choice('a') }),
      task(42, { was_cancelled: true, result: choice('a') }),
      task(43, { was_cancelled: true, result: choice('a') }, { result: choice('b') }),
      task(44, { result: [...choice('a'), ...choice('b')] }),
      task(45),
      task(46, { result: [] }),
    ]
    const found = await plan('export.json', tasks)
    expect(found).toMatchObject({
      format: 'label-studio',
      samples: 42,
      labels: { a: 21, b: 21 },
      projection: { id: { field: 'id' }, input: { field: 'text' }, target: { field: 'label' } },
      leftOut: [
        { reason: 'annotators-disagree', places: ['[40]'] },
        { reason: 'cancelled', places: ['[42]'] },
        { reason: 'not-one-answer', places: ['[44]'] },
        { reason: 'no-target', places: ['[45]'] },
        { reason: 'without-value', places: ['[46]'] },
      ],
    })
    expect(found.notes).toContainEqual(expect.stringContaining('In 1 task '))
  })
})

describe('promptfoo', () => {
  const config = (tests: string) => `prompts: ['{{question}}']\nproviders: [echo]\ntests: ${tests}\n`

  async function planOf(files: { readonly [path: string]: string }) {
    const folder = temporaryFolder()
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), content)
    }
    return (await importData(join(folder, 'project'), join(folder, 'promptfoo.yaml'))).plan
  }

  const tests = JSON.stringify(
    tickets(40).map(({ body, label }) => ({ vars: { question: body }, assert: [{ type: 'equals', value: label }] })),
  )

  it('reads variables and equals assertions', async () => {
    const judged = `[{"vars":{"question":"why?"},"assert":[{"type":"javascript","value":"process.exit(9)"}]},`
    const found = await planOf({ 'promptfoo.yaml': config(judged + tests.slice(1)) })
    expect(found).toMatchObject({
      format: 'promptfoo',
      samples: 40,
      projection: { input: { field: 'question' }, target: { field: 'expected' } },
      leftOut: [{ reason: 'no-equals-assertion', places: ['tests[0]'] }],
    })
  })

  it('reads plain files of its folder', async () => {
    const rows = tickets(40).map(({ body, label }) => `${body},${label}`)
    const csv = `question,__expected\n${rows.join('\n')}\nnot asked,"llm-rubric: polite"\n`
    const found = await planOf({ 'promptfoo.yaml': config('file://data/tests.csv'), 'data/tests.csv': csv })
    expect(found).toMatchObject({ samples: 40, leftOut: [{ reason: 'no-equals-assertion', count: 1 }] })
    const variables = JSON.parse(tests).map((test: { vars: object }) => ({
      ...test,
      vars: { question: 'file://q.txt', n: [1, 2] },
    }))
    const texts = await planOf({
      'promptfoo.yaml': config(JSON.stringify(variables)),
      'q.txt': 'A question from a file',
    })
    expect(texts.records).toBe(80)
  })

  it('refuses code, servers, and files elsewhere', async () => {
    const refused: readonly [string, RegExp][] = [
      ['file://tests.js', /runs no code/],
      ['file://make.py:tests', /runs no code/],
      ['[{path: file://make.ts, config: {}}]', /runs no code/],
      ['https://example.com/tests.csv', /only reads files beside it/],
      ['huggingface://datasets/x/y', /only reads files beside it/],
      ['file://../tests.csv', /does not exist|outside its folder/],
      ['file:///etc/hostname', /outside its folder/],
      ['file://tests/*.yaml', /pattern/],
      ['[{vars: {question: file://../promptfoo.yaml}}]', /does not exist|outside its folder/],
    ]
    for (const [given, message] of refused)
      await expect(planOf({ 'promptfoo.yaml': config(given) }), given).rejects.toThrow(message)
    await expect(planOf({ 'promptfoo.yaml': config('!!js/function "x"') })).rejects.toThrow('tag')
    const folder = temporaryFolder()
    await writeFile(join(folder, 'secret.csv'), 'question\nx\n')
    await mkdir(join(folder, 'inner'))
    await symlink(join(folder, 'secret.csv'), join(folder, 'inner/tests.csv'))
    await writeFile(join(folder, 'inner/promptfoo.yaml'), config('file://tests.csv'))
    await expect(importData(folder, join(folder, 'inner/promptfoo.yaml'))).rejects.toThrow('outside its folder')
  })
})

describe('importData into a project with features', () => {
  const config = `projection: { input: prompts/training/t.txt, target: label, id: id }
features:
  timestamp: at
  views: [{ name: v, files: store.jsonl, entities: [shop], timestamp: t, time_zone: UTC, features: [rate] }]
`
  const at = '2026-01-02T00:00:00Z'
  const withShop = (record: Record, index: number, shops: number) => ({ ...record, shop: `s${index % shops}`, at })
  const store = (rate: number) =>
    [0, 1, 2].map((n) => `${JSON.stringify({ shop: `s${n}`, t: '2026-01-01T00:00:00Z', rate: rate + n })}\n`).join('')

  /** A project with samples, features and an evaluation set. */
  async function project(): Promise<string> {
    const root = join(temporaryFolder(), 'project')
    await initRepository(root, { samples: false })
    const files = {
      'dataset/config.yaml': config,
      'prompts/training/t.txt': '{{ body }} {{ rate }}',
      'store.jsonl': store(1),
      'dataset/samples/a/all.jsonl': tickets(120)
        .map((record, index) => `${JSON.stringify(withShop(record, index, 2))}\n`)
        .join(''),
    }
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true })
      await writeFile(join(root, path), content)
    }
    const repository = await openRepository(root)
    await repository.joinFeatures()
    await repository.pinEvaluation({ share: 0.3 })
    await repository.commit({ message: 'Start' })
    return root
  }
  const news = () =>
    tickets(160)
      .slice(120)
      .map((record, index) => withShop(record, index, 3))

  it('adds the features of the new samples, and keeps those that models learned from', async () => {
    const root = await project()
    const before = await read(root, 'dataset/features.jsonl')
    // The store says something else about the past now.
    await writeFile(join(root, 'store.jsonl'), store(5))
    const { plan, apply } = await importData(root, await file('new.jsonl', news()), { input: 'body' })
    expect(plan.problems).toEqual([])
    expect(plan.files.map(({ path }) => path)).toEqual(['dataset/features.jsonl', 'dataset/samples/new/new.jsonl'])
    const written = await apply()
    expect(written).toMatchObject({ samples: 40, commit: expect.any(String) })
    const after = await read(root, 'dataset/features.jsonl')
    const added = after.split('\n').filter((line) => !before.split('\n').includes(line))
    expect(added).toEqual([`["s2","${at}",7]`])
    expect(before.split('\n').every((line) => after.split('\n').includes(line))).toBe(true)
    expect(await (await openRepository(root)).validate()).toMatchObject({ counts: { rows: 160 } })
    const again = await importData(root, await file('new.jsonl', news()), { input: 'body' })
    expect(again.plan).toMatchObject({ problems: [], files: [] })
  })

  it('reads features that are in Git LFS', async () => {
    const root = await project()
    const before = await read(root, 'dataset/features.jsonl')
    for (const path of ['store.jsonl', 'dataset/features.jsonl']) {
      const content = await read(root, path)
      const oid = oidOf(content)
      const object = join(root, '.git/lfs/objects', oid.slice(0, 2), oid.slice(2, 4), oid)
      await mkdir(dirname(object), { recursive: true })
      await writeFile(object, content)
      await writeFile(join(root, path), pointerTo(content))
    }
    const { plan, apply } = await importData(root, await file('new.jsonl', news()), { input: 'body' })
    expect(plan.problems).toEqual([])
    await apply()
    const after = (await read(root, 'dataset/features.jsonl')).split('\n')
    expect(before.split('\n').every((line) => after.includes(line))).toBe(true)
    expect(after).toContain(`["s2","${at}",3]`)
  })

  it('is finished after an interruption, and refuses a file that somebody changed meanwhile', async () => {
    const root = await project()
    const source = await file('new.jsonl', news())
    const first = await importData(root, source, { input: 'body' })
    const second = await importData(root, source, { input: 'body' })
    await first.apply()
    const text = await read(root, 'dataset/features.jsonl')
    // As if only the features had been written.
    await rm(join(root, 'dataset/samples/new/new.jsonl'))
    const rest = await importData(root, source, { input: 'body' })
    expect(rest.plan.files.map(({ path }) => path)).toEqual(['dataset/samples/new/new.jsonl'])
    await writeFile(join(root, 'dataset/features.jsonl'), text.replace(',3]', ',8]'))
    await expect(second.apply()).rejects.toMatchObject({
      code: 'invalid-options',
      message: expect.stringContaining('was changed by somebody else'),
    })
  })

  it.each<[string, (root: string) => Promise<unknown>, readonly Record[], string]>([
    ['a sample without a time', async () => {}, tickets(160).slice(120), '"at"'],
    ['a store that is gone', (root) => rm(join(root, 'store.jsonl')), news(), 'store.jsonl'],
    [
      'a file that was joined by other settings',
      (root) =>
        writeFile(
          join(root, 'dataset/config.yaml'),
          config.replace('timestamp: at', 'when_missing: refuse\n  timestamp: at'),
        ),
      news().map((record) => ({ ...record, shop: 's0' })),
      'it was joined by other settings',
    ],
    [
      'features of another type',
      (root) => writeFile(join(root, 'store.jsonl'), store(1).replaceAll(/"rate":(\d)/g, '"rate":"$1"')),
      news(),
      'the type of "rate" was number, and is string',
    ],
  ])('reports %s, and writes nothing', async (_, change, records, fact) => {
    const root = await project()
    await change(root)
    const before = await read(root, 'dataset/features.jsonl')
    const { plan, apply } = await importData(root, await file('new.jsonl', records), { input: 'body' })
    expect(plan.problems.join(' ')).toContain(fact)
    await expect(apply()).rejects.toMatchObject({ code: 'dataset-invalid' })
    expect(await read(root, 'dataset/features.jsonl')).toBe(before)
  })
})
