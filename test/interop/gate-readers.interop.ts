// Evaluation tools run here, and what is read from their files is what they report themselves.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type ReadScoreFileOptions, readScoreFile } from '../../src/evaluation/index.js'
import { type GateTool, hasGateTool, runGateTool } from './gate-tools.js'

const folders: string[] = []
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function withTool(tool: GateTool, name: string, test: (work: string) => Promise<void>): void {
  if (!hasGateTool(tool)) {
    console.log(`Skipped: ${tool} is not installed. npm run setup:interop installs it, or says why it cannot`)
    it.skip(name)
    return
  }
  it(name, async () => {
    const work = mkdtempSync(join(tmpdir(), 'sheikh-gate-'))
    folders.push(work)
    runGateTool(tool, work)
    await test(work)
  })
}

const fixture = (name: string) => join(import.meta.dirname, '../evaluation/fixtures', name)
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const read = (path: string, options?: ReadScoreFileOptions) => readScoreFile(path, callContext(), options)

async function summary(path: string, options?: ReadScoreFileOptions) {
  const { lines, metric } = await read(path, options)
  const of = (outcome: string) => lines.filter((line) => line.outcome === outcome).length
  const scores = lines.flatMap(({ score }) => (score === null ? [] : [score]))
  const sum = scores.reduce((total, score) => total + score, 0)
  return {
    metric,
    ok: of('ok'),
    failed: of('error') + of('timeout'),
    timeout: of('timeout'),
    sum,
    mean: sum / scores.length,
  }
}

/** Same ids, scores and outcomes as in the file that is kept. */
async function likeFixture(path: string, name: string, options?: ReadScoreFileOptions) {
  const facts = async (file: string) =>
    (await read(file, options)).lines.map(({ id, score, outcome, group }) => ({ id, score, outcome, group }))
  expect(await facts(path)).toEqual(await facts(fixture(name)))
}

withTool('promptfoo', 'promptfoo: passes, errors and named scores', async (work) => {
  const { stats, prompts } = json(join(work, 'out.json')).results
  for (const name of ['out.json', 'out.jsonl']) {
    const read = await summary(join(work, name))
    expect(read).toMatchObject({ sum: stats.successes, ok: stats.successes + stats.failures, failed: stats.errors })
    expect(read.timeout).toBe(2)
    for (const metric of ['exact', 'length'])
      expect((await summary(join(work, name), { metric })).sum).toBeCloseTo(prompts[0].metrics.namedScores[metric], 9)
    await likeFixture(join(work, name), `promptfoo-0.121.20.${name.split('.')[1]}`)
  }
  const table = await summary(join(work, 'out.csv'), { id: 'city', pass: 'Status' })
  expect(table).toMatchObject({ sum: stats.successes, failed: stats.errors })
})

withTool('vitest', 'Vitest and vitest-evals: passed and failed tests, and average scores', async (work) => {
  const document = json(join(work, 'out.json'))
  const read = await summary(join(work, 'out.json'), { metric: 'pass' })
  expect(read).toMatchObject({ sum: document.numPassedTests, timeout: 1, failed: 3 })
  expect(read.ok + read.failed).toBe(document.numPassedTests + document.numFailedTests)
  type Test = { readonly meta: { readonly eval?: { readonly avgScore: number } } }
  const tests: readonly Test[] = document.testResults.flatMap(
    (file: { assertionResults: Test[] }) => file.assertionResults,
  )
  const averages = tests.flatMap(({ meta }) => meta.eval?.avgScore ?? [])
  const scored = await summary(join(work, 'out.json'), { metric: 'avgScore' })
  expect(scored).toMatchObject({ ok: averages.length, sum: averages.reduce((sum, score) => sum + score, 0) })
})

withTool('evalite', 'evalite: average scores', async (work) => {
  const [evaluation] = json(join(work, 'out.json')).evals
  const read = await summary(join(work, 'out.json'))
  expect(read).toMatchObject({ metric: 'averageScore', ok: 6, failed: 4, timeout: 2 })
  const answered = evaluation.results.filter((result: { status: string }) => result.status === 'success')
  expect(answered).toHaveLength(read.ok)
  expect(read.mean).toBeCloseTo(evaluation.averageScore, 9)
  await likeFixture(join(work, 'out.json'), 'evalite-0.19.0.json')
})

withTool('lm-eval', 'lm-evaluation-harness: the value of each metric and filter', async (work) => {
  const folder = join(work, 'out', readdirSync(join(work, 'out'))[0]!)
  const fileOf = (start: string) => join(folder, readdirSync(folder).find((name) => name.startsWith(start))!)
  const { results } = json(fileOf('results_'))
  for (const metric of ['acc', 'acc_norm'])
    expect((await summary(fileOf('samples_choices'), { metric })).mean).toBe(results.choices[`${metric},none`])
  for (const system of ['strict', 'flexible'])
    expect((await summary(fileOf('samples_capitals'), { system })).mean).toBe(results.capitals[`exact_match,${system}`])
  await likeFixture(fileOf('samples_capitals'), 'lm-eval-0.4.13-capitals.jsonl', { system: 'strict' })
})

withTool('inspect', 'Inspect: the grades of each scorer, errors and time-outs', async (work) => {
  const path = join(work, 'out', readdirSync(join(work, 'out'))[0]!)
  const { scores, total_samples } = json(path).results
  const { metric, ok, failed, timeout, sum } = await summary(path)
  expect({ metric, ok, failed, timeout }).toEqual({ metric: 'match', ok: 6, failed: 4, timeout: 2 })
  expect(ok + failed).toBe(total_samples)
  // Inspect grades the answers that are late as well, as wrong and as no characters.
  const [right, characters] = scores.map(
    (score: { scored_samples: number; metrics: { accuracy?: { value: number }; mean?: { value: number } } }) =>
      (score.metrics.accuracy ?? score.metrics.mean)!.value * score.scored_samples * 2,
  )
  expect(sum).toBe(right)
  expect((await summary(path, { metric: 'length/characters' })).sum).toBe(characters)
  await likeFixture(path, 'inspect-0.3.285.json')
})

withTool('deepeval', 'DeepEval: passes, and the scores and errors of each metric', async (work) => {
  const path = join(work, 'out', readdirSync(join(work, 'out')).find((name) => name.endsWith('.json'))!)
  const { testPassed, testFailed, metricsScores } = json(path)
  const read = await summary(path)
  expect(read).toMatchObject({ metric: 'pass', sum: testPassed, timeout: 2, failed: 4 })
  expect(read.ok + read.failed).toBe(testPassed + testFailed)
  expect(metricsScores).toHaveLength(2)
  for (const { metric, scores, errors } of metricsScores as { metric: string; scores: number[]; errors: number }[]) {
    const { ok, failed, sum } = await summary(path, { metric })
    expect({ ok, failed }).toEqual({ ok: scores.length, failed: errors })
    expect(sum).toBeCloseTo(
      scores.reduce((total, score) => total + score, 0),
      9,
    )
  }
  await likeFixture(path, 'deepeval-4.3.1.json')
})
