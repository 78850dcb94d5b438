import { expect, it } from 'vitest'
import { digestJson } from '../../src/core/index.js'
import { modelCard } from '../../src/releaser/huggingface/model-card.js'
import type { PendingRelease } from '../../src/releaser/index.js'

const pending = {
  version: '1.2.0',
  bundle: digestJson('bundle'),
  record: { metrics: { accuracy: 0.91234567, 'macro-f1': null } },
} as unknown as PendingRelease
const options = { repository: 'me/sorter', tag: 'v1.2.0' }

it('a card is headed by the repository’s name, or by what people call the model', () => {
  expect(modelCard(pending, options)).toContain('\n# sorter 1.2.0\n')
  expect(modelCard(pending, { ...options, modelName: 'Ticket sorter' })).toContain('\n# Ticket sorter 1.2.0\n')
  const hostile = modelCard(pending, { ...options, modelName: 'x\n\n<script>[a](b)' })
  expect(hostile).toContain('\n# x \\<script\\>\\[a\\](b) 1.2.0\n')
})

it('a card lists what was measured', () => {
  const card = modelCard(pending, options)
  expect(card).toContain('| `accuracy` | 0.9123 |')
  expect(card).toContain('| `macro-f1` | none |')
})
