import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { type DriftAtMoment, detectDrift, readDriftReport } from '../../src/drift/index.js'
import { abTest, thumbs, variantOf } from '../../src/experiment/index.js'
import { memoryFeedback } from '../../src/feedback/index.js'
import { openHandlers } from '../../src/serve/handler.js'
import { serve } from '../../src/serve/index.js'
import { fakeTrainer } from '../../src/testing/fake-trainer.js'
import { poison, world } from '../pipeline/harness.js'
import { handlerOf, handTimer, post } from './fixture.js'

const scrape = async (handler: (request: Request) => Promise<Response>, headers = {}) => {
  const response = await handler(new Request('http://localhost/metrics', { headers }))
  return { status: response.status, text: await response.text() }
}

describe('/metrics', () => {
  it('counts requests, times, batches and the queue, and names the release', async () => {
    const { handler } = await handlerOf({ metrics: true, token: 'secret' })
    const headers = { authorization: 'Bearer secret' }
    await handler(post('/v1/predict', { inputs: ['a', 'b', 'c'] }, headers))
    await handler(post('/invocations', { inputs: 7 }, headers))
    await handler(new Request('http://localhost/nowhere/at/all', { headers }))
    expect((await scrape(handler)).status).toBe(401)
    const { text } = await scrape(handler, headers)
    for (const line of [
      'sheikh_requests_total{protocol="sheikh",status="200"} 1',
      'sheikh_requests_total{protocol="mlflow",status="422"} 1',
      'sheikh_requests_total{protocol="sheikh",status="404"} 1',
      'sheikh_requests_total{protocol="metrics",status="401"} 1',
      'sheikh_request_duration_seconds_count{protocol="sheikh"} 2',
      'sheikh_batch_size_sum 3',
      'sheikh_queue_length 0',
      `sheikh_release_info{version="0.1.0",bundle="${handler.release.bundle}"} 1`,
    ])
      expect(text.split('\n')).toContain(line)
  })

  it('is absent unless asked for, and two handlers do not count together', async () => {
    const { handler } = await handlerOf()
    expect((await scrape(handler)).status).toBe(404)
    const [one, other] = [await handlerOf({ metrics: true }), await handlerOf({ metrics: true })]
    await one.handler(post('/v1/predict', { inputs: ['a'] }))
    expect((await scrape(other.handler)).text).not.toContain('sheikh_batch_size_sum 1')
  })
})

/** 0.1.0 and 0.2.0, a live test of them, and where both are served from. */
async function live() {
  const there = world()
  await there.pipeline(poison('apple')).run()
  const pipeline = there.pipeline()
  await pipeline.run({ releaseAs: 'minor' })
  const store = memoryFeedback()
  const test = await abTest({
    ...{ name: 'mail', control: '0.1.0', treatment: '0.2.0', metric: thumbs(), pipeline, feedback: store },
  })
  const units = Array.from({ length: 40 }, (_, index) => `user-${index}`)
  const unitOf = (variant: string) => units.find((unit) => variantOf('mail', unit, 0.5) === variant)!
  return { test, store, unitOf, from: { registry: there.releaser, trainer: fakeTrainer() } }
}

async function driftFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'drift-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const path = join(folder, 'drift.json')
  const itemsOf = (answer: string) => Array.from({ length: 120 }, (_, index) => ({ input: index, answer }))
  await writeFile(path, JSON.stringify(await detectDrift({ reference: itemsOf('spam'), live: itemsOf('ham') })))
  return path
}

describe('/metrics of a server with a live test', () => {
  it('tells the variants apart, counts feedback, and shows drift and the live test', async () => {
    const { test, store, unitOf, from } = await live()
    const path = await driftFile()
    const drift = () => readDriftReport(path)
    await using server = await serve({
      ...{ ...from, port: 0, metrics: true, drift },
      ...{ feedback: { store, flushMs: 1 }, experiment: { test, checkMs: 100 } },
    })
    const send = async (route: string, body: unknown, unit?: string) =>
      fetch(`${server.url}${route}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...(unit !== undefined && { 'sheikh-unit': unit }) },
        body: JSON.stringify(body),
      })
    for (const variant of ['control', 'treatment', 'treatment']) {
      const answer = await send('/v1/predict', { inputs: ['apple 1'] }, unitOf(variant))
      expect(answer.headers.get('sheikh-variant')).toBe(variant)
      const prediction = answer.headers.get('sheikh-prediction')
      // Without the unit: the handler of the control takes it, and it counts for the variant that answered.
      expect((await send('/v1/feedback', { prediction, thumb: 'up' })).status).toBe(200)
    }
    await send('/v1/predict', { inputs: ['apple 1'] })
    await send('/v1/feedback', { prediction: 'never', thumb: 'up' })
    const scraped = async () => (await fetch(`${server.url}/metrics`)).text()
    // A check that came between the answers and their feedback knows the units, but no difference yet.
    const difference = /^sheikh_experiment_difference_lower\{experiment="mail",metric="thumbs"\} -?[\d.]+$/m
    const kept = 'sheikh_kept_answers_total{outcome="kept",variant="treatment"} 2\n'
    await expect.poll(scraped, { timeout: 30_000 }).toContain(kept)
    await expect.poll(scraped, { timeout: 30_000 }).toMatch(difference)
    const text = await scraped()
    expect(text).toContain('sheikh_experiment_units{experiment="mail",variant="treatment"} 1\n')
    const lines = text.split('\n')
    for (const line of [
      'sheikh_requests_total{protocol="sheikh",status="200",variant="control"} 2',
      'sheikh_requests_total{protocol="sheikh",status="200",variant="treatment"} 2',
      'sheikh_batch_size_sum{variant="treatment"} 2',
      'sheikh_queue_length{variant="control"} 0',
      'sheikh_queue_length{variant="treatment"} 0',
      'sheikh_feedback_total{kind="thumb",outcome="added",variant="control"} 1',
      'sheikh_feedback_total{kind="thumb",outcome="added",variant="treatment"} 2',
      'sheikh_feedback_total{kind="thumb",outcome="refused",variant="none"} 1',
      'sheikh_experiment_info{experiment="mail",control="0.1.0",treatment="0.2.0",status="running",result=""} 1',
      'sheikh_experiment_step{experiment="mail"} 1',
      'sheikh_experiment_treatment_share{experiment="mail"} 0.5',
      'sheikh_experiment_left_out_outcomes{experiment="mail"} 0',
      'sheikh_drift_found 1',
      'sheikh_drift_items{side="live"} 120',
      'sheikh_drift_effect{part="answer",aspect="categories"} 1',
    ])
      expect(lines).toContain(line)
    expect(text).toMatch(/sheikh_release_info\{version="0\.1\.0",bundle="sha256:.+",variant="control"\} 1\n/)
    expect(text).toMatch(/sheikh_release_info\{version="0\.2\.0",bundle="sha256:.+",variant="treatment"\} 1\n/)
    expect(text).toMatch(/sheikh_experiment_checks_total\{experiment="mail",outcome="done"\} \d+\n/)
    expect(text).toMatch(/sheikh_drift_report_timestamp_seconds \d+(\.\d+)?\n/)
    // Prometheus refuses a page on which a metric is described twice or a series is there twice.
    for (const kind of [/^# TYPE \S+/, /^[a-z_]+(\{.*\})?(?= )/]) {
      const found = lines.flatMap((line) => kind.exec(line)?.[0] ?? [])
      expect(found).toEqual([...new Set(found)])
    }
    // The documentation lists all of them, and no other.
    const page = await readFile(join(import.meta.dirname, '../../docs/serving.md'), 'utf8')
    const documented = [...page.matchAll(/^\| `(sheikh_\w+)` +\| (\w+)/gm)].map(([, name, type]) => `${name} ${type}`)
    const described = lines.flatMap((line) => /^# TYPE (.+)$/.exec(line)?.[1] ?? [])
    expect(documented.toSorted()).toEqual(described.toSorted())
  })

  it('counts checks that fail, and keeps the last comparison', async () => {
    const { test, from } = await live()
    const { timer, move } = handTimer()
    const failing = { ...test, check: async () => Promise.reject(new Error('the ledger is away')) }
    const experiment = { test: Object.defineProperty(failing, 'state', { get: () => test.state }), checkMs: 1000 }
    const log = { debug() {}, info() {}, warn() {} }
    await using handler = await openHandlers({ ...from, metrics: true, experiment }, callContext({ log }), timer)
    await move(1000)
    const lines = async () => {
      let isAnswered = false
      const scraping = scrape(handler).finally(() => {
        isAnswered = true
      })
      while (!isAnswered) await move(0)
      return (await scraping).text.split('\n')
    }
    expect(await lines()).toContain('sheikh_experiment_checks_total{experiment="mail",outcome="failed"} 1')
    expect((await lines()).filter((line) => line.startsWith('sheikh_experiment_units{'))).toEqual([])
  })
})

describe('drift in /metrics', () => {
  it('is absent while there is no report, and while it cannot be read', async () => {
    const path = await driftFile()
    let drift: () => Promise<DriftAtMoment | undefined> = () => readDriftReport(path)
    const { handler, said } = await handlerOf({ metrics: true, drift: async () => drift() })
    const found = async () => (await scrape(handler)).text.match(/^sheikh_drift_\w+/gm)?.length ?? 0
    expect(await found()).toBeGreaterThan(3)
    drift = async () => undefined
    expect(await found()).toBe(0)
    drift = async () => readDriftReport(path)
    await writeFile(path, '{"status":"found"}')
    expect(await found()).toBe(0)
    expect(await found()).toBe(0)
    expect(said).toEqual([expect.stringContaining('Cannot show drift in /metrics: Cannot read the drift report')])
    expect((await scrape(handler)).status).toBe(200)
  })

  it('needs metrics', async () => {
    await expect(handlerOf({ drift: async () => undefined })).rejects.toMatchObject({ code: 'invalid-options' })
  })
})
