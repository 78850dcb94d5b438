import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { usePage } from '../../src/dashboard/pages/overview.js'
import { driftPanel, experimentsPanel, feedbackPanel } from '../../src/dashboard/panels.js'
import { detectDrift } from '../../src/drift/index.js'
import { directoryFeedback } from '../../src/feedback/index.js'
import { storeLedger } from '../../src/gate/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { newFolder } from './fixture.js'

it('live tests are those of the ledger, the newest first', async () => {
  const ledger = storeLedger(memoryStore())
  const event = { type: 'experiment', runId: '01m848t390tw6kqt8kah', control: '0.1.0', treatment: '0.2.0' } as const
  await ledger.append({ ...event, name: 'a', action: 'start', step: 0, share: 0.05, reason: 'begins' }, callContext())
  await ledger.append({ ...event, name: 'b', action: 'start', step: 0, share: 0.5, reason: 'begins' }, callContext())
  const end = { action: 'end', step: 0, share: 0, result: 'harm', reason: 'fewer thumbs' } as const
  await ledger.append({ ...event, name: 'a', ...end }, callContext())
  const sections = await experimentsPanel({ ledger: () => ledger.read(callContext()) }).read()
  expect(sections).toMatchObject([
    {
      heading: 'Live tests',
      rows: [
        ['b', 'running', '0.1.0', '0.2.0', '50.0 %', expect.any(String), 'begins'],
        ['a', 'harm', '0.1.0', '0.2.0', '0.0 %', expect.any(String), 'fewer thumbs'],
      ],
    },
  ])
  expect(usePage([{ name: 'experiments', sections: { value: sections } }]).body.text).toContain('<h2>Live tests</h2>')
})

it('feedback is counted, and nothing that people wrote is shown', async () => {
  const folder = await newFolder()
  expect(await feedbackPanel(folder).read()).toEqual([])
  const empty = usePage([{ name: 'feedback', sections: { value: [] } }]).body.text
  expect(empty).toContain('contains no answers yet')
  const at = { timeMs: 0, release: { version: '0.1.0', bundle: `sha256:${'0'.repeat(64)}` } } as const
  const entry = { kind: 'feedback', timeMs: 1, prediction: 'a/0' } as const
  await directoryFeedback(folder).append(
    [
      { kind: 'prediction', id: 'a/0', ...at, input: 'secret input', prediction: { kind: 'label', label: 'x' } },
      { ...entry, id: 'f1', source: 's1', content: { kind: 'thumb', isUp: true } },
      { ...entry, id: 'f2', source: 's2', content: { kind: 'text', text: 'secret text' } },
    ],
    callContext(),
  )
  const sections = await feedbackPanel(folder).read()
  expect(sections[0]!.rows).toEqual([
    ['Answers', '1'],
    ['Answers with feedback', '1'],
    ['Feedback', '2'],
    ['Thumbs', '1, 100.0 % up'],
    ['Corrections', '0'],
    ['Ratings', '0'],
    ['Texts', '1'],
    ['Sources', '2, at most 1 from one'],
  ])
  expect(JSON.stringify(sections)).not.toContain('secret')
})

it('drift is that of a report in a file', async () => {
  const path = join(await newFolder(), 'drift.json')
  await expect(driftPanel(path).read()).rejects.toMatchObject({ code: 'not-found' })
  await writeFile(path, '{"status":"none"}')
  await expect(driftPanel(path).read()).rejects.toMatchObject({ code: 'invalid-options' })
  const items = (answer: string) => Array.from({ length: 200 }, (_, index) => ({ input: index % 10, answer }))
  const report = await detectDrift({ reference: items('a'), live: items('b') }, callContext())
  await writeFile(path, JSON.stringify(report))
  const [section] = await driftPanel(path).read()
  expect(section!.rows).toContainEqual(['answer', 'categories', '1.00', '< 0.0001', 'drift'])
  expect(section!.rows).toContainEqual(['input', 'numbers', '0.00', '1.0000', 'none'])
  expect(section!.note).toContain('of 200 live items')
})
