import { describe, test } from 'vitest'
import { inProcessExecutor } from '../../src/execute/index.js'
import { memoryStore } from '../../src/store/memory/index.js'
import { contractKinds, executorContract } from '../../src/testing/executor-contract.js'
import { startLocal } from './start-local.js'

describe('in-process', () => {
  executorContract(test, async () => {
    const store = memoryStore()
    const executor = inProcessExecutor({ store, kinds: contractKinds, workers: 2 })
    return { executor, store, dispose: () => executor[Symbol.asyncDispose]() }
  })
})

describe('local', () => {
  executorContract(test, async () => ({ ...(await startLocal({ workers: 2 })), hasProcesses: true }))
})
