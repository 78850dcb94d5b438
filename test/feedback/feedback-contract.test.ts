import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { directoryFeedback, memoryFeedback } from '../../src/feedback/index.js'
import { feedbackContract } from '../../src/testing/feedback-contract.js'

describe('memoryFeedback', () => {
  feedbackContract(it, async () => ({ store: memoryFeedback(), dispose: async () => {} }))
})

describe('directoryFeedback', () => {
  feedbackContract(it, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-feedback-'))
    const open = () => directoryFeedback(join(folder, 'feedback'))
    return { store: open(), reopen: open, dispose: () => rm(folder, { recursive: true }) }
  })
})
