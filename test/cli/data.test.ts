import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openRepository } from '../../src/repository/index.js'
import { tinyLlama } from '../../src/repository/init/tiny-llama.js'
import { commitAll } from '../commit-all.js'
import { changeSamples, pinnedIds, ticketSamples } from '../template-project.js'
import { sampleOf } from '../whole.js'
import { edit, project, sheikh, sheikhJson } from './harness.js'

const token = `ghp_${'a1B2'.repeat(9)}`
/** A project with planted faults in files of lines. */
async function planted(): Promise<string> {
  const root = await project()
  const [pinned] = JSON.parse(await readFile(join(root, 'dataset/evaluation.json'), 'utf8')).items
  const { text, label } = (await ticketSamples(root)).find(({ id }) => id === pinned.id)!
  const lines = [
    { id: 'leak', text: `${text}!`, label },
    { id: 'copy1', text: 'an utterly new sentence which appears twice here', label },
    { id: 'copy2', text: 'an utterly new sentence which appears twice here', label },
    { id: 'key', text: `please use ${token} for the deployment`, label },
  ]
  await writeFile(
    join(root, 'dataset/samples/planted.jsonl'),
    lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  )
  return root
}

/** A project whose folder `models/base` has a tokenizer with one token per byte. */
async function withTokenizer(setting: string): Promise<string> {
  const root = await project()
  await mkdir(join(root, 'models/base'), { recursive: true })
  for (const { path, text } of tinyLlama().files) await writeFile(join(root, path), text)
  await edit(root, 'dataset/config.yaml', (text) => `${text}\nquality: { token_limit: ${setting} }\n`)
  return root
}

describe('sheikh data check with a tokenizer', () => {
  it('counts tokens, and fails above the limit with the ids of the samples', async () => {
    const root = await withTokenizer('{ action: fail, maximum_tokens: 60, tokenizer: models/base }')
    const samples = await ticketSamples(root)
    const lengths = samples.map(({ text, label }) => Buffer.byteLength(`${text}${label}`) + 1)
    const over = samples.filter((_, index) => lengths[index]! > 60).map(({ id }) => id)
    const { code, json } = await sheikhJson(root, 'data', 'check')
    expect(code).toBe(over.length > 0 ? 1 : 0)
    expect(json.tokens).toMatchObject({
      tokenizer: { name: 'models/base' },
      sample: { maximum: Math.max(...lengths), total: lengths.reduce((sum, length) => sum + length, 0) },
      limit: { maximumTokens: 60, exceeding: over.length },
    })
    const findings = json.findings as readonly { kind: string; ids: string[] }[]
    expect(findings.find(({ kind }) => kind === 'token-limit')?.ids.toSorted()).toEqual(over.toSorted())
    const { out } = await sheikh(root, ['data', 'check'])
    expect(out).toContain('## Tokens')
    expect(out).toContain('by the tokenizer of models/base')
  })

  it('by the base of a language model, whose settings give the limit', async () => {
    const root = await withTokenizer('warn')
    await writeFile(
      join(root, 'mlops/training/config.yaml'),
      'model: { architecture: llama, base: models/base }\ntraining: { maximum_length: 30 }\n',
    )
    const { json } = await sheikhJson(root, 'data', 'check')
    expect(json.tokens).toMatchObject({ limit: { maximumTokens: 31 } })
    await writeFile(join(root, 'mlops/training/config.yaml'), 'model: { architecture: llama, base: models/base }\n')
    // The model reads 192 tokens.
    expect((await sheikhJson(root, 'data', 'check')).json.tokens).toMatchObject({ limit: { maximumTokens: 193 } })
    await writeFile(join(root, 'mlops/training/config.yaml'), 'model: { architecture: llama, base: models/none }\n')
    const { tokens, unchecked } = (await sheikhJson(root, 'data', 'check')).json
    expect(tokens).toBeUndefined()
    expect(unchecked).toContainEqual(expect.stringMatching(/^Tokens were not counted: "models\/none" does not contain/))
  })

  it('refuses a limit without a tokenizer, and a tokenizer outside the project', async () => {
    for (const [setting, fact] of [
      ['{ maximum_tokens: 5 }', 'the project has no tokenizer'],
      ['{ tokenizer: models }', '"models" does not contain tokenizer.json'],
      ['{ tokenizer: ../base }', 'outside the project'],
    ] as const)
      expect(await sheikh(await withTokenizer(setting), ['data', 'check'])).toMatchObject({
        code: 1,
        err: expect.stringContaining(fact),
      })
  })

  it('a run counts too, and its report shows the counts', async () => {
    const root = await withTokenizer('{ tokenizer: models/base }')
    await edit(root, 'mlops/pipeline.yaml', (text) =>
      text.replace('stages:\n', 'stages:\n  validate:\n    steps: [validate_schema, check_data_quality]\n'),
    )
    expect(await sheikh(root, ['run', '--allow-dirty'])).toMatchObject({ code: 0 })
    expect((await sheikh(root, ['report'])).out).toContain('## Tokens')
  })
})

describe('sheikh data', () => {
  it('finds nothing in a new project', async () => {
    expect((await sheikhJson(await project(), 'data', 'check')).json).toMatchObject({ status: 'pass', findings: [] })
  })

  it('checks: a finding that fails, with its place and without its secret', async () => {
    const root = await planted()
    const { code, json } = await sheikhJson(root, 'data', 'check')
    expect(code).toBe(1)
    const found = (
      json.findings as { kind: string; ids: string[]; places: { path: string; position: string }[] }[]
    ).filter(({ ids }) => ['leak', 'copy1', 'key'].includes(ids[0]!))
    expect(found.map(({ kind, ids }) => [kind, ids])).toEqual([
      ['secret', ['key']],
      ['leakage', ['leak']],
      ['duplicate', ['copy1', 'copy2']],
    ])
    expect(found[0]!.places).toEqual([{ id: 'key', path: 'dataset/samples/planted.jsonl', position: 'line 4' }])
    const { out } = await sheikh(root, ['data', 'check'])
    expect(out).toContain('dataset/samples/planted.jsonl:4')
    expect(JSON.stringify(json) + out).not.toContain(token)
  })

  it('a run and its validation check only if the steps ask for it', async () => {
    const root = await planted()
    expect(await sheikh(root, ['validate'])).toMatchObject({ code: 0 })
    await edit(root, 'mlops/pipeline.yaml', (text) =>
      text.replace('stages:\n', 'stages:\n  validate:\n    steps: [validate_schema, check_data_quality]\n'),
    )
    for (const command of ['validate', 'run']) {
      const { code, err } = await sheikh(root, [command, ...(command === 'run' ? ['--allow-dirty'] : [])])
      expect(code, command).toBe(1)
      expect(err).toContain('The data has a quality problem (secret), "key"')
      expect(err).not.toContain(token)
    }
    await edit(root, 'dataset/config.yaml', (text) => `${text}\nquality: { secret: off, leakage: warn }\n`)
    const { code, err, out } = await sheikh(root, ['run', '--allow-dirty'])
    expect(err + out).toContain('Data quality (leakage), "leak"')
    expect(code).toBe(0)
    expect((await sheikh(root, ['report'])).out).toContain('Data quality')
  })

  it.each(sampleOf(['the store has the labels of the release', 'the store of another machine is empty'], 1))(
    'finds rows that were relabelled in equal numbers both ways since the release, if %s',
    async (where) => {
      const root = await project()
      const steps = 'stages:\n  validate:\n    steps: [validate_schema, check_data_quality]\n'
      await edit(root, 'mlops/pipeline.yaml', (text) => text.replace('stages:\n', steps))
      await edit(root, 'dataset/config.yaml', (text) => `${text}\nquality: { relabelled: { minimum_rows: 8 } }\n`)
      commitAll(root, 'Check the data')
      expect((await sheikh(root, ['run'])).code).toBe(0)
      const pinned = await pinnedIds(root)
      const samples = (await ticketSamples(root)).filter(({ id }) => !pinned.includes(id))
      const [one, other] = [...new Set(samples.map(({ label }) => label))].sort()
      const swapped = [one, other].flatMap((label) => samples.filter((sample) => sample.label === label).slice(0, 4))
      const ids = swapped.map(({ id }) => id).sort()
      await changeSamples(root, (sample) =>
        ids.includes(sample.id) ? { ...sample, label: sample.label === one ? other! : one! } : sample,
      )
      if (where.includes('another')) await rm(join(root, '.sheikh'), { recursive: true })
      const { json } = await sheikhJson(root, 'data', 'check')
      const found = json.findings as { kind: string; ids: string[] }[]
      expect(found.filter(({ kind }) => kind === 'relabelled').map((finding) => finding.ids)).toEqual([ids])
      expect(found.filter(({ kind }) => kind === 'drift')).toEqual([])
      expect((await sheikh(root, ['data', 'check'])).out).toContain(`Labels since the release: 8 of ${samples.length}`)
      const { err, out } = await sheikh(root, ['run', '--allow-dirty'])
      expect(err + out).toContain('Data quality (relabelled)')
    },
  )

  it('quarantine excludes samples of findings from the dataset, and undo brings them back to the same identity', async () => {
    const root = await planted()
    const summary = async () => (await openRepository(root)).validate()
    const before = await summary()
    const { json } = await sheikhJson(root, 'data', 'check')
    const key = (json.findings as { kind: string; key: string }[]).find(({ kind }) => kind === 'secret')!.key
    expect((await sheikh(root, ['data', 'quarantine', key, 'copy1', '--reason', 'Planted'])).code).toBe(0)
    const { out } = await sheikh(root, ['data', 'quarantine', '--kind', 'leakage'])
    expect(out).toContain('lists 3 excluded samples')
    const excluded = 3
    const after = await summary()
    expect(after.counts).toMatchObject({
      rows: before.counts.rows - excluded,
      training: before.counts.training - excluded,
      quarantined: excluded,
    })
    expect(after.trainingDigest).not.toBe(before.trainingDigest)
    expect(after.fingerprint).not.toBe(before.fingerprint)
    expect(after.evaluationDigest).toBe(before.evaluationDigest)
    const listed = await readFile(join(root, 'dataset/quarantine.json'), 'utf8')
    expect(listed).toContain('"id":"copy1"')
    expect(listed).not.toContain(token)
    expect((await sheikh(root, ['data', 'check'])).code).toBe(0)
    await sheikh(root, ['data', 'quarantine', '--undo', 'copy1', 'key'])
    await sheikh(root, ['data', 'quarantine', '--undo', '--kind', 'leakage'])
    expect((await summary()).fingerprint).toBe(before.fingerprint)
  })

  it('refuses what it cannot exclude', async () => {
    const root = await planted()
    const [pinned] = JSON.parse(await readFile(join(root, 'dataset/evaluation.json'), 'utf8')).items
    expect((await sheikh(root, ['data', 'quarantine', pinned.id])).out).toContain(
      'Kept 1 sample, because models are judged on them',
    )
    for (const [argv, message] of [
      [['no-such-id'], 'neither the key of a finding nor the id of a sample'],
      [[], 'no sample is named'],
      [['--kind', 'leak'], 'there is no kind "leak"'],
      [['--undo', 'copy1'], 'the quarantine does not list it'],
    ] as const)
      expect((await sheikh(root, ['data', 'quarantine', ...argv])).err).toContain(message)
    const entry = { id: pinned.id, digest: pinned.digest, kind: 'chosen', reason: 'r' }
    await writeFile(join(root, 'dataset/quarantine.json'), JSON.stringify({ formatVersion: 1, samples: [entry] }))
    expect((await sheikh(root, ['validate'])).err).toContain('both in the evaluation set and quarantined')
    await appendFile(join(root, 'dataset/quarantine.json'), '}')
    expect((await sheikh(root, ['validate'])).err).toContain('Cannot read the quarantine')
  })

  it('warns of a quarantined sample that was corrected or removed', async () => {
    const root = await planted()
    await sheikh(root, ['data', 'quarantine', 'copy1', 'leak'])
    await edit(root, 'dataset/samples/planted.jsonl', (text) =>
      text.replace(/.*"leak".*\n/, '').replace('an utterly', 'a corrected'),
    )
    const { warnings } = await (await openRepository(root)).validate()
    expect(warnings.filter(({ code }) => code.startsWith('quarantine')).map(({ code, ids }) => [code, ids])).toEqual([
      ['quarantine-absent', ['leak']],
      ['quarantine-changed', ['copy1']],
    ])
  })
})
