import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { callContext, digestBytes } from '../../src/core/index.js'
import { directoryFeedback } from '../../src/feedback/index.js'
import { itInFull } from '../in-full.js'
import { gitIsMissing } from '../repository/git-http-backend.js'
import { git } from '../repository/harness.js'
import { project } from '../repository/project.js'
import { sheikh, sheikhJson } from './harness.js'

if (gitIsMissing !== undefined) process.stderr.write(`skipped: sheikh feedback, since ${gitIsMissing}\n`)

const context = callContext()
const texts = ['tram of the night', 'lorry at the gate', 'fig in the tree']

/** A project and its feedback: two answers that were corrected, and one that nobody judged. */
async function withFeedback() {
  const { root } = await project()
  const folder = join(root, '..', 'feedback')
  const store = directoryFeedback(folder)
  for (const [index, input] of texts.entries()) {
    const prediction = { kind: 'label', label: 'fruit', probabilities: { fruit: 0.6, vehicle: 0.4 } } as const
    const release = { version: '0.1.0', bundle: digestBytes('bundle') }
    await store.append(
      [{ kind: 'prediction', id: `p${index}`, timeMs: index + 1, release, input, prediction }],
      context,
    )
    if (index === 2) continue
    const content = { kind: 'correction', target: 'vehicle' } as const
    const feedback = { kind: 'feedback', id: `f${index}`, prediction: `p${index}`, timeMs: index + 9, content } as const
    await store.append([{ ...feedback, source: `source-${index}` }], context)
  }
  return { root, folder }
}

describe.skipIf(gitIsMissing !== undefined)('sheikh feedback', () => {
  itInFull('proposes, says that nothing is new, and undoes', async () => {
    const { root, folder } = await withFeedback()
    const { code, json } = await sheikhJson(root, 'feedback', 'propose', '--store', folder)
    expect(code).toBe(0)
    expect(json).toMatchObject({
      status: 'proposed',
      batch: { labelChanges: [{ from: 'fruit', to: 'vehicle', samples: 2 }] },
    })
    for (const text of texts) expect(JSON.stringify(json)).not.toContain(text)
    const again = await sheikh(root, ['feedback', 'propose', '--store', folder])
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('Nothing new') })
    expect(again.out).toContain(`Waits for a review: branch ${json.proposed.branch}`)
    git(root, 'merge', '-q', '--ff-only', json.proposed.branch)
    expect(await sheikh(root, ['feedback', 'undo'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('no batch is named'),
    })
    expect(await sheikh(root, ['feedback', 'stats', json.batch.id])).toMatchObject({
      code: 1,
      err: expect.stringContaining('import and undo take one argument'),
    })
    const undone = await sheikh(root, ['feedback', 'undo', json.batch.id, '--reason', 'wrong'])
    expect(undone).toMatchObject({ code: 0, out: expect.stringMatching(/^Removed 2 samples/) })
    expect(git(root, 'log', '-1', '--format=%B')).toContain('Reason: wrong')
  })

  it('refuses limits that are no numbers', async () => {
    const { root, folder } = await withFeedback()
    const { code, err } = await sheikh(root, ['feedback', 'propose', '--store', folder, '--share', 'half'])
    expect([code, err]).toEqual([1, expect.stringContaining('--share is "half", which is not a number')])
  })

  it('writes the inputs to label as tasks, also with a second release', async () => {
    const { root, folder } = await withFeedback()
    expect((await sheikh(root, ['run'])).code).toBe(0)
    const out = join(root, '..', 'tasks.json')
    const next = ['feedback', 'next', '--store', folder]
    expect(await sheikh(root, next)).toMatchObject({ code: 1, err: expect.stringContaining('--out tasks.json') })
    expect((await sheikh(root, [...next, '--out', out, '--measure', 'luck'])).code).toBe(1)
    expect(existsSync(out)).toBe(false)
    const { code, json } = await sheikhJson(root, ...next, '--out', out, '--against', '0.1.0')
    expect([code, json.choices.map(({ prediction }: { prediction: string }) => prediction)]).toEqual([0, ['p2']])
    expect(JSON.parse(readFileSync(out, 'utf8'))).toMatchObject([{ data: { text: texts[2], prediction: 'p2' } }])
  })
})
