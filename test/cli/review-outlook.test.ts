// What a review says about the run after the merge.
import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { reportReview } from '../../src/report/index.js'
import { itInFull } from '../in-full.js'
import { edit, editSample, project, releasedProject, sheikhJson, write } from './harness.js'

const git = (root: string, ...parameters: readonly string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@localhost', ...parameters], {
    cwd: root,
    encoding: 'utf8',
  }).trim()

function commit(root: string, message = 'Change'): void {
  git(root, 'add', '.')
  git(root, 'commit', '-qm', message)
}

const reviewed = async (root: string, base = 'HEAD~1') => (await sheikhJson(root, 'review', base)).json

describe('the second half of the line of a review', () => {
  it('says that nothing follows, and that a first run trains', async () => {
    const root = await project()
    await write(root, 'README.md', '# Tickets\n')
    commit(root)
    // The ledger records no run yet: whatever changed, one is needed.
    const { summary, afterMerge } = await reviewed(root)
    expect(summary).toBe(
      'Changes nothing that a run reads; earlier changes start a run: will train, duration unknown; releases 0.1.0 if the gate passes.',
    )
    expect(afterMerge).toMatchObject({ trigger: { action: 'run' }, run: { outcome: 'judge', nextVersion: '0.1.0' } })
    expect(afterMerge.run).not.toHaveProperty('expected')
  })

  itInFull('follows the triggers, the registry and the durations of earlier runs', async () => {
    const root = await releasedProject()
    await write(root, 'README.md', '# Tickets\n')
    commit(root)
    expect((await reviewed(root)).summary).toBe('Changes nothing that a run reads; the merge starts no run.')

    await editSample(root)
    const retrains = await reviewed(root, 'HEAD~1')
    expect(retrains.summary).toMatch(
      /^Data and settings are valid.*; will retrain, about \d+ s on wasm, \d+ cores?; releases 0\.1\.1 if the gate passes\.$/,
    )
    const report = reportReview(retrains)
    expect(report.split('\n')[0]).toContain('will retrain, about')
    expect(report).toMatch(/\*\*After the merge\*\*/)
    expect(report).toMatch(/\| train \| run \| \d+ s \|/)
    expect(report).toMatch(/\| release \| run \| \d+ s \|/)
    // Another message than that of the merge.
    git(root, 'commit', '-q', '--allow-empty', '-m', 'Retouch [skip train]')
    expect((await reviewed(root, 'HEAD~2')).summary).toContain('will retrain')

    git(root, 'reset', '-q', '--hard', 'HEAD~2')
    await write(root, 'prompts/inference/answer.txt', 'Answer: {{ text }}\n')
    commit(root)
    expect((await reviewed(root)).summary).toMatch(
      /; evaluates without training, about \d+ s on wasm, \d+ cores?; releases 0\.2\.0 if the gate passes\.$/,
    )

    git(root, 'reset', '-q', '--hard', 'HEAD~1')
    await edit(root, 'mlops/pipeline.yaml', (text) => text.replace('margin: 0.05', 'margin: 0.04'))
    commit(root)
    expect((await reviewed(root)).summary).toMatch(/; the run releases nothing: 0\.1\.0 is this model already\.$/)

    // A fresh clone has no records: the release tells how long its run took.
    await rm(join(root, '.sheikh'), { recursive: true })
    git(root, 'reset', '-q', '--hard', 'HEAD~1')
    await editSample(root)
    expect((await reviewed(root)).summary).toMatch(/; will retrain, about \d+ s on wasm, \d+ cores?; releases 0\.1\.1/)
  })

  it('says less if the registry is out of reach or the trainer is missing, and does not fail', async () => {
    const root = await project()
    await edit(root, 'mlops/pipeline.yaml', (text) =>
      text.replace('directory: { path: releases }', 'github: { release: true }'),
    )
    commit(root)
    const { code, json } = await sheikhJson(root, 'review', 'HEAD~1')
    expect([code, json.verdict]).toEqual([0, 'inconclusive'])
    expect(json.summary).toMatch(/; the merge starts a run\.$/)
    expect(json.afterMerge).toMatchObject({ trigger: { action: 'run' }, unknown: expect.stringContaining('GitHub') })
    expect(reportReview(json)).toContain('Not known here:')
  })

  it('says nothing about a change that no run could use, or whose base has moved on', async () => {
    const root = await project()
    await write(root, 'dataset/samples/more.jsonl', '{"id":"m2"\n')
    commit(root)
    expect(await reviewed(root)).not.toHaveProperty('afterMerge')
    git(root, 'checkout', '-qb', 'change', 'HEAD~1')
    await editSample(root)
    expect(await reviewed(root, 'HEAD~1')).toHaveProperty('afterMerge')
    const base = git(root, 'rev-parse', 'main')
    expect(await reviewed(root, base)).not.toHaveProperty('afterMerge')
  })
})
