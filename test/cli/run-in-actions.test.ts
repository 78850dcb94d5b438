import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { copy, editSample, releasedProject, type Said, sheikh, sheikhJson, temporary } from './harness.js'

afterEach(() => vi.unstubAllEnvs())

/** Runs a command as a step of GitHub Actions: its outputs on one line, and its job summary. */
async function step(root: string, ...argv: readonly string[]): Promise<Said & { outputs: string; summary: string }> {
  const folder = await temporary()
  vi.stubEnv('GITHUB_OUTPUT', join(folder, 'output'))
  vi.stubEnv('GITHUB_STEP_SUMMARY', join(folder, 'summary'))
  const said = await sheikh(root, argv)
  const [outputs, summary] = await Promise.all(
    ['output', 'summary'].map((name) => readFile(join(folder, name), 'utf8').catch(() => '')),
  )
  return {
    ...said,
    outputs: outputs!
      .replace(/end-[0-9a-f-]+/g, 'X')
      .replaceAll('\n', ' ')
      .trim(),
    summary: summary!,
  }
}

it('run --github and release --github write status, run and version as outputs, and the report as summary', async () => {
  const root = await releasedProject()
  await editSample(root)
  const gpu = await copy(root)
  const out = join(await temporary(), 'awaiting')
  const report = join(await temporary(), 'report.md')
  const trained = await step(gpu, 'run', '--until', 'verdict', '--out', out, '--github', '--report', report)
  expect(trained.code).toBe(0)
  expect(trained.outputs).toMatch(/^status<<X awaiting-release X run<<X [0-9a-z]{20} X$/)
  expect(trained.summary).toContain('the verdict is preliminary')
  expect(await readFile(report, 'utf8')).toContain('the verdict is preliminary')

  const released = await step(root, 'release', out, '--github')
  expect(released.code).toBe(0)
  expect(released.outputs).toMatch(/^status<<X released X run<<X [0-9a-z]{20} X version<<X 0\.1\.1 X$/)
  expect(released.summary).toContain('0.1.1')

  const quiet = await step(root, 'run', '--if-triggered', '--github')
  expect(quiet).toMatchObject({ code: 0, outputs: 'status<<X not-triggered X' })
  expect(quiet.summary).toContain('was run already')
})

it('without --github nothing is written', async () => {
  const root = await releasedProject()
  expect(await step(root, 'run')).toMatchObject({ code: 0, outputs: '', summary: '' })
})

it('a run that trained again says how to release it', async () => {
  const root = await releasedProject()
  const { json } = await sheikhJson(root, 'run', '--until', 'verdict', '--retrain')
  expect(json.status).toBe('awaiting-release')
  const again = await sheikh(root, ['run', '--until', 'verdict', '--retrain'])
  expect(again.out).toMatch(/sheikh release [0-9a-z]{20} --retrain\n/)
})
