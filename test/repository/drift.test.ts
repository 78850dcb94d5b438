import { mkdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { levelOfLook } from '../../src/drift/index.js'
import { directoryFeedback, type FeedbackStore, type LoggedPrediction } from '../../src/feedback/index.js'
import type { Release } from '../../src/releaser/index.js'
import { reportDrift, reportDriftHtml } from '../../src/report/index.js'
import { openRepository } from '../../src/repository/index.js'
import { fixedClock } from '../../src/testing/fixed-clock.js'
import { sheikh, sheikhJson } from '../cli/harness.js'
import { itInFull } from '../in-full.js'
import { git } from './harness.js'
import { project, sample } from './project.js'

const day = 86_400_000
const trigger = 'drifting: { cron: "0 4 * * *", drift: { feedback: feedback, window: 7d }, action: full_train }'
const files = {
  '.gitignore': '.sheikh/\nreleases/\nfeedback/\n*.html\n*.md\n*.prom\n',
  'mlops/pipeline.yaml': `pipeline: { name: tiny }\ntriggers:\n  ${trigger}\n  data: { paths: ["dataset/**"] }\nstages: { validate_weights: { when_inconclusive: release, checks: [ { accuracy_threshold: 0.15 } ] } }\nledger: { remote: false }\n`,
  'dataset/samples/all/many.json': Array.from({ length: 600 }, (_, index) => sample(index + 1000)),
}

/** A release of 380 rows, by a clock that the test moves. */
async function released() {
  const { root, put } = await project(files)
  const clock = fixedClock()
  const repository = await openRepository(root, { clock })
  const result = await (await repository.pipeline()).run()
  if (result.status !== 'released') throw new Error(`a release was expected, not ${result.status}`)
  mkdirSync(join(root, 'feedback'))
  const feedback = directoryFeedback(join(root, 'feedback'))
  return { root, put, clock, repository, release: result.release, feedback }
}

/** Answers of a server, one a minute. */
async function answer(
  feedback: FeedbackStore,
  { release, atMs, count, text }: { release: Release; atMs: number; count: number; text: (index: number) => string },
): Promise<void> {
  const entries = Array.from({ length: count }, (_, index): LoggedPrediction => {
    const label = text(index).startsWith('apple') ? 'fruit' : 'vehicle'
    return {
      ...{ kind: 'prediction', id: `${atMs}/${index}`, timeMs: atMs + 60_000 * index },
      release: { version: release.version, bundle: release.bundle },
      input: text(index),
      prediction: { kind: 'label', label, probabilities: { [label]: 1 } },
    }
  })
  await feedback.append(entries, callContext())
}

const same = (index: number) => sample(index + 2000).text
const other = (index: number) => `ferry across the northern fjord ${index}`

describe('Repository.drift', () => {
  itInFull('compares answers of the release with the rows of its commit', async () => {
    const { root, put, repository, release, feedback, clock } = await released()
    await answer(feedback, { release, atMs: clock.nowMs(), count: 200, text: same })
    // What the work tree has now does not count.
    put('dataset/samples/all/many.json', [])
    const equal = await repository.drift({ feedback })
    expect(equal).toMatchObject({ status: 'none', live: { items: 200 }, release: { version: '0.1.0' } })
    expect(equal.release.commit).toBe(git(root, 'rev-parse', 'HEAD').trim())
    expect(equal.reference.items).toBeGreaterThan(150)
    await answer(feedback, { release, atMs: clock.nowMs() + day, count: 200, text: other })
    const report = await repository.drift({ feedback, fromMs: clock.nowMs() + day })
    expect(report).toMatchObject({ status: 'found', live: { items: 200 }, level: 0.05 })
    expect(report.look).toBeUndefined()
    expect(report.tests.filter(({ isFound }) => isFound).map(({ part, aspect }) => `${part} ${aspect}`)).toEqual(
      expect.arrayContaining(['input words', 'input unseen-words', 'answer categories']),
    )
    for (const text of [reportDrift(report, { title: 'Drift' }), reportDriftHtml(report, { title: 'Drift' })]) {
      expect(text).toContain('Drift found')
      expect(text).toContain('vehicle')
      expect(text).not.toContain('fjord')
    }
  })

  it('reads samples that were logged as the inputs that they make', async () => {
    const { repository, release, feedback, clock } = await released()
    const entries = Array.from(
      { length: 150 },
      (_, index): LoggedPrediction => ({
        ...{ kind: 'prediction', id: `o/${index}`, timeMs: clock.nowMs() },
        release: { version: release.version, bundle: release.bundle },
        input: sample(index + 2000),
        prediction: { kind: 'label', label: sample(index).label },
      }),
    )
    await feedback.append(entries, callContext())
    expect(await repository.drift({ feedback })).toMatchObject({ status: 'none', skipped: [] })
  })

  it('reads the rows of a release that was published again', async () => {
    const { repository, feedback, release, clock } = await released()
    const pipeline = await repository.pipeline()
    const republished = await pipeline.republish(release.version, { by: 'Ada', reason: 'another registry' })
    if (republished.status !== 'restored') throw new Error(republished.status)
    await answer(feedback, { release: republished.release, atMs: clock.nowMs(), count: 150, text: same })
    const report = await repository.drift({ feedback })
    expect(report).toMatchObject({ status: 'none', live: { items: 150 } })
    expect(report.release).toEqual({ version: republished.release.version, commit: release.record.commit })
  })

  it('needs a release', async () => {
    const { repository, root } = await project(files)
    mkdirSync(join(root, 'feedback'))
    await expect(repository.drift({ feedback: directoryFeedback(join(root, 'feedback')) })).rejects.toMatchObject({
      code: 'not-found',
    })
  })
})

describe('a trigger with drift', () => {
  const schedule = '0 4 * * *'

  it('fires when a period has ended and its answers drift, and once only', async () => {
    const { repository, release, feedback, clock } = await released()
    const startMs = release.publishedAtMs
    await answer(feedback, { release, atMs: startMs, count: 200, text: same })
    await answer(feedback, { release, atMs: startMs + 7 * day, count: 200, text: other })
    const look = async () => repository.triggered({ schedule })
    expect(await look()).toMatchObject({
      action: 'none',
      reason: expect.stringContaining('"drifting" does not fire: The first period of 0.1.0 has not ended.'),
    })
    clock.advance(startMs + 8 * day - clock.nowMs())
    expect(await look()).toMatchObject({ action: 'none', reason: expect.stringContaining('No drift in') })
    // Another schedule, or a push, does not look.
    expect((await repository.triggered()).reason).not.toContain('drift')
    clock.advance(7 * day)
    const fired = await look()
    expect(fired).toMatchObject({
      ...{ action: 'run', retrain: true },
      triggers: [{ name: 'drifting', action: 'full_train', cron: schedule, count: 0 }],
      reason: expect.stringMatching(/Triggered: "drifting" by drift \(Drift found in \d of \d tests: /),
    })
    expect(await look()).toEqual(fired)
    await (await repository.pipeline()).run({ retrain: true })
    const after = await look()
    expect(after.action).toBe('none')
    expect(after.reason).toMatch(/There was a run since period 2 of 0\.1\.0 ended|The first period of/)
  })

  itInFull('spends the level of its looks', async () => {
    const { repository, release, feedback, clock } = await released()
    const text = (index: number) => (index % 100 < 66 ? same(2 * index) : same(2 * index + 1))
    const startMs = release.publishedAtMs
    for (const period of [0, 30])
      await answer(feedback, { release, atMs: startMs + 7 * day * period, count: 200, text })
    const pValue = (await repository.drift({ feedback, untilMs: startMs + day })).tests.find(
      ({ part }) => part === 'answer',
    )!.adjusted
    expect(pValue).toBeLessThan(levelOfLook(0.05, 1))
    expect(pValue).toBeGreaterThan(levelOfLook(0.05, 31))
    clock.advance(startMs + 7 * day - clock.nowMs())
    expect((await repository.triggered({ schedule })).action).toBe('run')
    clock.advance(startMs + 31 * 7 * day - clock.nowMs())
    expect((await repository.triggered({ schedule })).action).toBe('none')
  })

  it.each([
    ['drift: { feedback: f }', /"drift" needs "cron"/],
    ['cron: "0 4 * * *", drift: { feedback: f, window: 7 days }', /expected a period such as 12h, 7d or 2w/],
    ['cron: "0 4 * * *", drift: { window: 7d }', /feedback/],
  ])('refuses %s', async (text, message) => {
    const { repository } = await project({
      'mlops/pipeline.yaml': `pipeline: { name: tiny }\ntriggers: { bad: { paths: [a], ${text} } }\n`,
    }).catch((error: unknown) => ({ repository: { triggered: () => Promise.reject(error) } }))
    await expect(repository.triggered()).rejects.toThrow(message)
  })
})

describe('sheikh drift', () => {
  it('prints the tests, writes reports, and ends with 0, 2 or 3', async () => {
    const { root, release, feedback } = await released()
    const few = await sheikh(root, ['drift', '--store', 'feedback'])
    expect(few).toMatchObject({ code: 3 })
    expect(few.out).toMatch(/^Release 0\.1\.0: Not enough data: there are \d+ reference and 0 live items/)
    await answer(feedback, { release, atMs: Date.now() - 3 * day, count: 200, text: same })
    expect(await sheikhJson(root, 'drift', '--store', 'feedback')).toMatchObject({
      code: 0,
      json: { status: 'none', live: { items: 200 } },
    })
    await answer(feedback, { release, atMs: Date.now() - day, count: 200, text: other })
    const found = await sheikh(root, ['drift', '--store', 'feedback', '--since', '36h', '--out', 'drift.html'])
    expect(found.code).toBe(2)
    expect(found.out).toMatch(/\n {2}input words +effect \d\.\d\d {2}p < 0\.0001 {2}drift\n/)
    expect(found.out).not.toContain('fjord')
    const withText = await sheikh(root, ['drift', '--store', 'feedback', '--since', '36h', '--include-text'])
    expect(withText.out).toContain('fjord: 0.0 % → 100.0 %')
    expect(await readFile(join(root, 'drift.html'), 'utf8')).toContain('<h2>Drift found</h2>')
    await sheikh(root, ['drift', '--store', 'feedback', '--out', 'drift.prom'])
    expect(await readFile(join(root, 'drift.prom'), 'utf8')).toContain('sheikh_drift_found 1\n')
  })

  it.each([
    [['drift'], /--store/],
    [['drift', '--store', '.', '--since', '7 days'], /--since is "7 days"/],
    [['drift', '--store', '.', '--effect', 'x'], /--effect is "x"/],
    [['drift', '--store', 'nowhere'], /the folder ".*nowhere" does not exist/],
  ])('refuses %j', async (argv, message) => {
    const { root } = await project()
    const { code, err } = await sheikh(root, argv)
    expect(code).toBe(1)
    expect(err).toMatch(message)
  })
})
