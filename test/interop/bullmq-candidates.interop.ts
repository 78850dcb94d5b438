// sheikh run on a cluster trains the candidates of a run at once: a worker is killed, and so is the program that runs.
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setUpRedis } from '../../examples/cluster/redis-server.js'
import { projectWithCandidates, runOf, trainingsIn } from '../cli/candidate-runs.js'
import { type Started, start, temporary } from '../cli/harness.js'
import { postgresPrograms, type QueueServer, startPostgres, startRedis } from './queue-servers.js'

// Long enough that others are being trained when something is killed.
const epochs = 400

/** Two checkouts of the same files, with one store. */
async function checkouts() {
  const [root, other] = [await projectWithCandidates(epochs), await projectWithCandidates(epochs)]
  const shared = await temporary()
  for (const folder of [root, other]) {
    await rm(join(folder, '.sheikh'), { recursive: true, force: true })
    await symlink(shared, join(folder, '.sheikh'))
  }
  return { root, other }
}

/** Until one of the trainings has ended. */
const untilTraining = (root: string) =>
  expect.poll(() => trainingsIn(root), { timeout: 60_000, interval: 20 }).toBeGreaterThan(0)

describe.each([
  { kind: 'redis', missing: setUpRedis(), serve: () => startRedis({ password: 'right-password' }) },
  {
    kind: 'postgres',
    missing: postgresPrograms() === undefined ? 'there is no PostgreSQL' : undefined,
    serve: () => startPostgres(),
  },
])('sheikh run --$kind', ({ kind, missing, serve }) => {
  if (missing !== undefined) console.log(`Skipped: ${missing}.`)

  describe.skipIf(missing !== undefined)('with candidates', () => {
    let server: QueueServer
    let expected: unknown
    const workers: Started[] = []
    beforeAll(async () => {
      server = await serve()
      const alone = await projectWithCandidates(epochs)
      await mkdir(join(alone, '.sheikh'), { recursive: true })
      expected = await runOf(alone)
    })
    afterAll(async () => {
      for (const { child } of workers) child.kill('SIGKILL')
      await Promise.all(workers.map(({ ended }) => ended))
      await server?.dispose()
    })
    const env = { QUEUE_PASSWORD: 'right-password' }
    const queueOf = (queue: string) => [
      ...[`--${kind}`, server.url.replace(':right-password@', kind === 'redis' ? '' : '@')],
      ...['--password-env', 'QUEUE_PASSWORD', '--queue', queue],
    ]
    async function worker(root: string, queue: string): Promise<Started> {
      const started = start(root, ['worker', ...queueOf(queue)], { env })
      workers.push(started)
      await started.says('does one job at a time')
      return started
    }

    it('gives the record of one process although a worker is killed', async () => {
      const { root, other } = await checkouts()
      const [first] = [await worker(other, 'worker'), await worker(other, 'worker')]
      const run = runOf(root, queueOf('worker'), env)
      await untilTraining(root)
      first.child.kill('SIGKILL')
      expect(await run).toEqual(expected)
    })

    it('gives the record of one process after the program itself was killed', async () => {
      const { root, other } = await checkouts()
      await worker(other, 'caller')
      const killed = start(root, ['run', ...queueOf('caller')], { env })
      await untilTraining(root)
      killed.child.kill('SIGKILL')
      await killed.ended
      expect(await runOf(root, queueOf('caller'), env)).toMatchObject({
        ...(expected as { readonly bundle: unknown; readonly candidates: unknown }),
        stages: expect.anything(),
      })
    })
  })
})
