import { describe, expect, it } from 'vitest'
import { digestBytes } from '../../src/core/index.js'
import type { RunRecord } from '../../src/pipeline/index.js'
import { promptSnapshotOf } from '../../src/prompts/index.js'
import { loadReportDetails, reportRun, reportRunHtml } from '../../src/report/run/index.js'
import { project, sample } from './project.js'

const token = `ghp_${'a1B2'.repeat(9)}`
const settings =
  'validation: { schema_path: dataset/schemas/sample.json }\nprojection: { id: id, input: prompts/training/ask.txt, target: label }\n'

async function released() {
  const made = await project({
    'dataset/config.yaml': settings,
    'prompts/training/ask.txt': 'What kind?\n{{ text }}\nAnswer:',
  })
  const run = async () => {
    const pipeline = await made.repository.pipeline()
    await pipeline.run()
    const loaded = await made.repository.load()
    const runs = await loaded.pipeline.runs()
    const record = runs[0] as RunRecord
    const report = async (includeText: boolean) => loadReportDetails({ project: loaded, record, runs, includeText })
    return { record, snapshot: promptSnapshotOf(record)!, report, texts: await loaded.promptTexts(record) }
  }
  return { ...made, run }
}

describe('the snapshot of rendered prompts', () => {
  it('is kept with a run, and the report shows texts only if asked to', async () => {
    const { run } = await released()
    const { record, snapshot, report, texts } = await run()
    expect(record.status).toBe('released')
    expect(snapshot).toMatchObject({ template: { path: 'prompts/training/ask.txt' }, rows: 40 })
    expect(snapshot.released).toBeUndefined()
    expect(snapshot.samples.map(({ choice }) => choice).slice(0, 3)).toEqual(['shortest', 'median', 'longest'])
    for (const { id, digest, characters } of snapshot.samples) {
      const text = `What kind?\n${sample(Number(id.slice(1))).text}\nAnswer:`
      expect([digest, characters]).toEqual([digestBytes(text), text.length])
      expect(texts!.find((one) => one.id === id)).toEqual({ id, text })
    }
    expect(JSON.stringify(record)).not.toContain('What kind?')
    for (const render of [reportRun, reportRunHtml]) {
      const without = render(record, await report(false))
      expect(without).toContain('Rendered prompts')
      expect(without).not.toContain('What kind?')
      expect(without).not.toContain('Values returned by stages')
      expect(render(record, await report(true))).toContain('What kind?')
    }
  })

  it('compares the same samples with the template of the release, and hides secrets', async () => {
    const { run, put, commit } = await released()
    const first = await run()
    put('prompts/training/ask.txt', `Which kind? ${token}\n{{ text }}\nAnswer:`)
    await commit('another template')
    const { record, snapshot, texts, report } = await run()
    expect(snapshot.released).toMatchObject({ version: '0.1.0', digest: first.snapshot.template.digest })
    for (const { id, digest, before } of snapshot.samples) {
      const kept = texts!.find((one) => one.id === id)!
      expect(kept.before).toBe(`What kind?\n${sample(Number(id.slice(1))).text}\nAnswer:`)
      expect(before).toEqual({ characters: kept.before!.length, digest: digestBytes(kept.before!) })
      expect(digest).toBe(digestBytes(kept.text))
    }
    const shown = reportRun(record, await report(true))
    expect(shown).toContain('- What kind?\n+ Which kind? [secret]\n')
    expect(shown).toContain(
      `Of these samples, ${snapshot.samples.length} of ${snapshot.samples.length} look different.`,
    )
    expect(JSON.stringify([record, texts]) + shown).not.toContain(token)
  })

  it('says that the released template is the same', async () => {
    const { run, put, commit } = await released()
    await run()
    put('dataset/samples/all/99.json', { ...sample(0), id: 's99', text: 'apple pie' })
    await commit('another sample')
    const same = await run()
    expect(same.snapshot.samples.every(({ before }) => before === undefined)).toBe(true)
    expect(reportRun(same.record, await same.report(false))).toContain('has the same template.')
  })
})
