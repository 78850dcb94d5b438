// sheikh tune on a cluster: workers in a checkout of their own, one of which is killed.
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Queue } from 'bullmq'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setUpRedis } from '../../examples/cluster/redis-server.js'
import { directoryStore } from '../../src/store/directory/index.js'
import { commit, edit, project, type Started, sheikhJson, start, temporary, write } from '../cli/harness.js'
import { startMoto } from './moto.js'
import { interopPython } from './python.js'
import { type QueueServer, startRedis } from './queue-servers.js'

const missing = setUpRedis()
if (missing !== undefined) console.log(`Skipped: ${missing}.`)

async function tunable(): Promise<string> {
  const root = await project()
  const space = `{ learning_rate: { low: 0.1, high: 10, log: true } }`
  await write(root, 'mlops/tuning.yaml', `tuning: { trials: 4, parallel: 2 }\nspace: ${space}\n`)
  await write(root, 'mlops/training/config.yaml', 'data: { validation_split: 0.3 }\n')
  await commit(root, 'search')
  return root
}

/** Two checkouts of the same files. */
async function checkouts({ isShared }: { readonly isShared: boolean }) {
  const [root, other] = [await tunable(), await tunable()]
  const shared = await temporary()
  for (const folder of [root, other]) {
    await rm(join(folder, '.sheikh'), { recursive: true, force: true })
    if (isShared) await symlink(shared, join(folder, '.sheikh'))
    else await mkdir(join(folder, '.sheikh'))
  }
  return { root, other }
}

const without = (trials: readonly { readonly runId?: string }[]) => trials.map(({ runId: _, ...trial }) => trial)

describe.skipIf(missing !== undefined)('sheikh tune --redis', () => {
  let server: QueueServer
  const workers: Started[] = []
  beforeAll(async () => {
    server = await startRedis({ password: 'right-password' })
  })
  afterAll(async () => {
    for (const { child } of workers) child.kill('SIGKILL')
    await Promise.all(workers.map(({ ended }) => ended))
    await server?.dispose()
  })

  const env = { QUEUE_PASSWORD: 'right-password' }
  const queueOf = (queue: string) => [
    ...['--redis', server.url.replace(':right-password@', ''), '--password-env', 'QUEUE_PASSWORD', '--queue', queue],
  ]

  async function worker(root: string, queue: string, more: Readonly<Record<string, string>> = {}): Promise<Started> {
    const started = start(root, ['worker', ...queueOf(queue)], { env: { ...env, ...more } })
    workers.push(started)
    await started.says('does one job at a time')
    return started
  }

  const gives = 'gives the result of one process, with workers of another checkout, one of which is killed, through'
  it.each(['a shared folder', 'a bucket'])(`${gives} %s`, async (store) => {
    const one = (await sheikhJson(await tunable(), 'tune', '--workers', '1')).json
    const isShared = store === 'a shared folder'
    if (!isShared && interopPython() === undefined) {
      console.log('Skipped: there is no Python, and so no server of S3. npm run setup:interop -- --python-only')
      return
    }
    await using moto = isShared ? undefined : await startMoto()
    const variables = moto?.environment('cluster') ?? {}
    const { root, other } = await checkouts({ isShared })
    const [first, second] = [await worker(other, 'killed', variables), await worker(other, 'killed', variables)]
    const connection = { ...{ host: '127.0.0.1', port: Number(new URL(server.url).port) }, password: 'right-password' }
    const queue = new Queue('killed', { connection })
    const search = start(root, ['tune', ...queueOf('killed'), '--write', '--json'], { env: { ...env, ...variables } })
    await expect.poll(() => queue.getActiveCount(), { timeout: 120_000, interval: 20 }).toBe(2)
    first.child.kill('SIGKILL')
    const { code, out, err } = await search.ended
    await queue.close()
    expect(code, err).toBe(0)
    expect(err).toMatch(/Trial [01] begins again: The worker did not renew the job in time/)
    const found = JSON.parse(out) as typeof one
    expect(without(found.trials)).toEqual(without(one.trials))
    expect(found.estimate).toEqual(one.estimate)
    second.child.kill('SIGTERM')
    const { code: workerCode, out: said } = await second.ended
    expect([workerCode, said]).toEqual([0, expect.stringMatching(/Jobs: 4 answered, 0 given back\.\n$/)])
    // The search and a run share the store, so the run trains nothing.
    await commit(root, 'tuned')
    expect((await start(root, ['run'], { env: variables }).ended).err).toMatch(/train: cached/)
  })

  it('refuses a worker of a checkout with other files, and continues with the same files', async () => {
    const { root, other } = await checkouts({ isShared: true })
    await edit(other, 'mlops/training/config.yaml', (text) => `${text}training: { weight_decay: 0.01 }\n`)
    const different = await worker(other, 'files')
    const search = () => start(root, ['tune', ...queueOf('files')], { env }).ended
    const refused = await search()
    expect(refused.err).toMatch(/the trainer of the worker differs from the trainer of the caller/)
    expect(refused.code).toBe(1)
    different.child.kill('SIGTERM')
    await different.ended
    await worker(root, 'files')
    const { code, err } = await search()
    expect(code, err).toBe(0)
  })

  it('refuses a worker with a store of its own', async () => {
    const { root, other } = await checkouts({ isShared: false })
    await worker(other, 'stores')
    const { code, err } = await start(root, ['tune', ...queueOf('stores')], { env }).ended
    expect(err).toMatch(/the store of the worker .* does not contain the job .* Give caller and worker the same store/)
    expect(code).toBe(1)
  })

  it('evaluates the model of sheikh run on the workers, with the digests of one process', async () => {
    const evaluationsIn = async (root: string, ...parts: readonly string[]) => {
      const { code, out, err } = await start(root, ['run', '--json', ...parts], { env }).ended
      expect(code, err).toBe(0)
      const { runId } = JSON.parse(out) as { readonly runId: string }
      const run = (await directoryStore(join(root, '.sheikh')).runs.read(runId)) as { readonly evaluations?: unknown }
      return run.evaluations
    }
    const expected = await evaluationsIn(await tunable())
    const { root, other } = await checkouts({ isShared: true })
    const evaluator = await worker(other, 'evaluation')
    expect(await evaluationsIn(root, ...queueOf('evaluation'))).toEqual(expected)
    evaluator.child.kill('SIGTERM')
    expect((await evaluator.ended).out).toContain('Jobs: 1 answered')
  })
})
