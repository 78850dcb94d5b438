import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { callContext } from '../../src/core/index.js'
import { projectStore } from '../../src/repository/project-store.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { storeContract } from '../../src/testing/store-contract.js'
import { commit, edit, project, sheikh, sheikhJson, temporary, write } from '../cli/harness.js'
import { s3Suite } from '../releaser/s3-suite.js'
import { type Moto, startMoto } from './moto.js'

let server: Moto

beforeAll(async () => {
  server = await startMoto()
})
afterAll(() => server?.[Symbol.asyncDispose]())

describe("moto's server", () => s3Suite(() => server))

describe('a project with SHEIKH_STORE', () => {
  let prefixes = 0
  /** As on a machine whose environment names the store. */
  const environment = () => {
    prefixes += 1
    return server.environment(`project-${prefixes}`)
  }
  const set = (variables: Readonly<Record<string, string>>) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
    onTestFinished(() => void vi.unstubAllEnvs())
  }

  describe('is a store', () =>
    storeContract(it, async () => {
      const store = await projectStore({ shared: await temporary(), environment: environment() })
      return { store, dispose: async () => {} }
    }))

  it('trains nothing that another machine has trained, also in a search on worker processes', async () => {
    set(environment())
    const here = await project()
    await write(here, 'mlops/tuning.yaml', 'tuning: { trials: 2, parallel: 2 }\nspace: { learning_rate: [1, 3] }\n')
    await edit(here, 'mlops/training/config.yaml', (text) => `data: { validation_split: 0.3 }\n${text}`)
    await commit(here, 'search')
    const there = await temporary()
    cpSync(here, there, { recursive: true })
    const tuned = await sheikh(here, ['tune', '--workers', '2', '--write'])
    expect(tuned.code, tuned.err).toBe(0)
    const again = await sheikhJson(there, 'tune', '--workers', '1', '--write')
    expect(again.json.trials).toHaveLength(2)
    await commit(there, 'tuned')
    const run = await sheikh(there, ['run'])
    expect(run.code, run.err).toBe(0)
    expect(run.err).toMatch(/train: cached/)
    // Each machine sees the runs of both.
    const runs = async (root: string) => (await sheikhJson(root, 'runs')).json.runs
    expect(await runs(here)).toEqual(await runs(there))
    // Only caches of files are here.
    expect(readdirSync(join(there, '.sheikh')).sort()).not.toContain('objects')
  })

  it('is locked for all machines, and on this one for programs that look into the folder', async () => {
    const variables = environment()
    set(variables)
    const [here, there] = [await project(), await project()]
    const store = await projectStore({ shared: here, environment: variables })
    await using lock = await store.lock('test', callContext())
    const refused = await sheikh(there, ['run'])
    expect([refused.code, refused.err]).toEqual([5, expect.stringContaining('[locked]')])
    expect(await directoryStore(join(here, '.sheikh')).heldLock?.(callContext())).toMatchObject({ purpose: 'test' })
    await lock.check()
    await lock.release()
    expect((await sheikh(there, ['run'])).code).toBe(0)
  })
})
