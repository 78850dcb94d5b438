// The launcher for jobs of Hugging Face, on a loopback Hub that runs a job as a process of this machine.

import { spawn } from 'node:child_process'
import { cpSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import { createRepo, listFiles, listJobs, uploadFile } from '@huggingface/hub'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { callContext, type Log } from '../../../src/core/index.js'
import type { Hub } from '../../../src/testing/hub/index.js'
import { type CommandTrainerOptions, commandTrainer } from '../../../src/trainer/command/index.js'
import type { FitContext, TrainProgress } from '../../../src/trainer/index.js'
import { itInFull } from '../../in-full.js'
import { bytesLike, collect, hubWithJobs } from '../../testing/hub-fixture.js'
import { isWhole, sampleOf } from '../../whole.js'
import { allGone, pidsIn, program, rows, samples } from './first-word.js'

const launcher = join(import.meta.dirname, '../../../examples/launchers/huggingface-jobs.mjs')
const token = 'hf_never_to_be_seen'
const repository = 'me/jobs'
const repo = { type: 'dataset', name: repository } as const
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sheikh-jobs-'))
  cpSync(join(import.meta.dirname, program), join(folder, program))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const access = ({ url }: Hub) => ({ hubUrl: url, accessToken: token })
const environmentOf = ({ url }: Hub) => ({
  ...process.env,
  HF_ENDPOINT: url,
  HF_TOKEN: token,
  MY_TOKEN: 'hush-hush-hush',
})
const launching = (...options: string[]) =>
  [
    '--repository',
    repository,
    '--image',
    'node:20',
    '--flavor',
    't4-small',
    '--poll-seconds',
    '0.05',
    ...options,
    '--',
  ] as const

/** Of the Hub: how its jobs stand, and what its repository still holds. */
async function stateOf(hub: Hub) {
  const jobs = await listJobs({ ...access(hub), namespace: 'me' })
  const refs = await fetch(`${hub.url}/api/datasets/${repository}/refs`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { branches } = (await refs.json()) as { readonly branches: readonly { readonly name: string }[] }
  return { stages: jobs.map(({ status }) => status.stage as string), branches: branches.map(({ name }) => name), jobs }
}
const cleanAfter = (stage: string) => ({ stages: [stage], branches: ['main'] })

function trainerOn(hub: Hub, options: readonly string[] = [], more: Partial<CommandTrainerOptions> = {}) {
  return commandTrainer({
    fit: [process.execPath, launcher, ...launching(...options), 'node', program, 'fit'],
    predict: [process.execPath, program, 'predict'],
    directory: folder,
    env: ['HF_TOKEN', 'HF_ENDPOINT', 'MY_TOKEN'],
    environment: environmentOf(hub),
    targets: 'labels',
    graceMs: 60_000,
    ...more,
  })
}

/** All that was logged is kept in `lines`. */
async function train(trainer: ReturnType<typeof trainerOn>, lines: string[] = [], parts: Partial<FitContext> = {}) {
  const directory = join(folder, 'weights')
  await mkdir(directory, { recursive: true })
  const add = (message: string) => lines.push(message)
  const log: Log = { debug: add, info: add, warn: add }
  return trainer.fit(
    { training: rows, seed: 7, directory },
    { ...callContext({ log, ...parts }), progress: () => {}, ...parts },
  )
}

it('trains by a job: progress, weights, and nothing left on the Hub', async () => {
  let streams = 0
  // The first stream of logs ends early.
  const hub = await hubWithJobs({
    before: ({ path }) => (path.endsWith('/logs') && streams++ === 0 ? { cutBodyAfterBytes: 250 } : undefined),
  })
  const [reports, lines]: [TrainProgress[], string[]] = [[], []]
  const trainer = trainerOn(hub, ['--secret', 'MY_TOKEN', '--timeout-seconds', '600'])
  const { weights, record } = await train(trainer, lines, { progress: (report) => reports.push(report) })
  expect(reports.map(({ step }) => step)).toContain(2)
  expect(record.lossCurve).toEqual([
    [1, 0.5],
    [2, 0.25],
  ])
  expect(record.environment?.packages).toEqual({ 'first-word': '1.2.3' })
  expect(weights.manifest.files.map(({ path }) => path)).toEqual(['config.json', 'model.safetensors'])
  await using model = await trainer.load(weights, callContext())
  expect(await model.predict(['car', 'pear'], callContext())).toMatchObject([{ label: 'vehicle' }, { label: 'fruit' }])

  const { jobs, ...state } = await stateOf(hub)
  expect(state).toEqual(cleanAfter('COMPLETED'))
  expect(jobs[0]).toMatchObject({ dockerImage: 'node:20', flavor: 't4-small', timeoutSeconds: 600 })
  expect(jobs[0]!.secrets).toEqual(['MY_TOKEN', 'HF_TOKEN'])
  expect(lines.filter((line) => line.includes('training on 4 rows, seed 7, token '))).toHaveLength(1)
  expect(streams).toBeGreaterThan(1)
  for (const secret of [token, 'hush-hush-hush']) {
    expect(JSON.stringify(jobs)).not.toContain(secret)
    expect(lines.join('\n')).not.toContain(secret)
  }
})

itInFull('fails as the program fails, with its last lines', async () => {
  const hub = await hubWithJobs()
  const failing = train(trainerOn(hub, [], { config: { fault: 'crash' } }))
  await expect(failing).rejects.toMatchObject({
    code: 'stage-failed',
    message: expect.stringMatching(/Traceback: no such tensor[\s\S]*ended in ERROR: Job failed with exit code: 3/),
  })
  expect(await stateOf(hub)).toMatchObject(cleanAfter('ERROR'))
})

itInFull('an abort cancels the job, and no process of it is left', async () => {
  const hub = await hubWithJobs()
  const pidFile = join(folder, 'pids.json')
  const aborting = new AbortController()
  const reason = { why: 'enough' }
  const training = train(trainerOn(hub, [], { config: { fault: 'hang', pidFile } }), [], {
    signal: aborting.signal,
    // It has come while the program runs: that one never ends.
    progress: () => void pidsIn(pidFile).then(() => aborting.abort(reason)),
  })
  await expect(training).rejects.toBe(reason)
  expect(await stateOf(hub)).toMatchObject(cleanAfter('CANCELED'))
  await allGone(await pidsIn(pidFile))
})

itInFull('a job that starts while the launcher is stopped is cancelled too', async () => {
  const aborting = new AbortController()
  const reason = { why: 'enough' }
  const hub = await hubWithJobs({
    async before({ method, path }) {
      if (method !== 'POST' || path !== '/api/jobs/me') return undefined
      aborting.abort(reason)
      await setTimeout(300)
      return undefined
    },
  })
  await expect(train(trainerOn(hub), [], { signal: aborting.signal })).rejects.toBe(reason)
  expect(await stateOf(hub)).toMatchObject(cleanAfter('CANCELED'))
})

/** The launcher alone, with what it prints. */
async function launch(hub: Hub, options: readonly string[], command: readonly string[], config: object = {}) {
  const paths = { training: join(folder, 'training.jsonl'), weights: join(folder, 'out') }
  await mkdir(paths.weights)
  await writeFile(paths.training, samples.map((sample) => `${JSON.stringify(sample)}\n`).join(''))
  const request = join(folder, 'request.json')
  await writeFile(request, JSON.stringify({ formatVersion: 1, kind: 'fit', seed: 7, config, paths }))
  const child = spawn(process.execPath, [launcher, ...launching(...options), ...command, request], {
    cwd: folder,
    env: environmentOf(hub),
    stdio: ['ignore', 'pipe', 'pipe'],
    // As commandTrainer starts it.
    detached: true,
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return { child, ended, out: text(child.stdout), err: text(child.stderr), weights: paths.weights }
}

const readRequest = 'const { paths } = JSON.parse(fs.readFileSync(process.env.SHEIKH_REQUEST))'

itInFull('a launcher that is killed outright, with its group, cancels its job all the same', async () => {
  const hub = await hubWithJobs()
  const pidFile = join(folder, 'pids.json')
  const { child, ended } = await launch(hub, [], ['node', program, 'fit'], { fault: 'hang', pidFile })
  const pids = await pidsIn(pidFile)
  process.kill(-child.pid!, 'SIGKILL')
  await ended
  const clean = cleanAfter('CANCELED')
  while (JSON.stringify((await stateOf(hub)).branches) !== JSON.stringify(clean.branches)) await setTimeout(50)
  expect(await stateOf(hub)).toMatchObject(clean)
  await allGone(pids)
})

itInFull('the token is with the program only where it is named, and is never printed', async () => {
  const say = 'console.log("token", process.env.HF_TOKEN); process.exit(1)'
  for (const [options, said] of [
    [[], 'token undefined'],
    [['--secret', 'HF_TOKEN'], 'token [secret]'],
  ] as const) {
    const hub = await hubWithJobs()
    const { ended, out, err } = await launch(hub, options, ['node', '-e', say])
    expect(await ended).toBe(1)
    expect((await out).split('\n')).toContain(said)
    expect(`${await out}${await err}`).not.toContain(token)
    await rm(join(folder, 'out'), { recursive: true })
  }
})

itInFull('goes on with a stream of logs that is cut, and prints each line once', async () => {
  let streams = 0
  const hub = await hubWithJobs({
    before: ({ path }) => {
      if (!path.endsWith('/logs')) return undefined
      streams += 1
      return [{ cutBodyAfterBytes: 250 }, 'cut', { status: 503 }, { cutBodyAfterBytes: 400 }][streams - 1] as never
    },
  })
  const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`)
  const say = `${readRequest}; for (let i = 0; i < 20; i++) console.log("line", i); fs.writeFileSync(paths.weights + "/a", "1")`
  const { ended, out, weights } = await launch(hub, [], ['node', '-e', say])
  expect(await ended).toBe(0)
  expect((await out).split('\n').filter((line) => line.startsWith('line'))).toEqual(lines)
  expect(streams).toBeGreaterThan(4)
  expect(await readdir(weights)).toEqual(['a'])
})

itInFull('an answer that is lost starts no second job', async () => {
  const lost = { job: 0, status: 0 }
  const hub = await hubWithJobs({
    before: ({ method, path }) =>
      method === 'GET' && /jobs\/me\/\w+$/.test(path) && lost.status++ < 2 ? 'cut' : undefined,
    after: ({ method, path }) => (method === 'POST' && path === '/api/jobs/me' && lost.job++ === 0 ? 'cut' : undefined),
  })
  const { weights } = await train(trainerOn(hub))
  expect(weights.manifest.files).toHaveLength(2)
  expect(lost.status).toBeGreaterThan(2)
  expect(await stateOf(hub)).toMatchObject(cleanAfter('COMPLETED'))
})

itInFull.each(isWhole ? (['basic', 'xet'] as const) : (['xet'] as const))(
  'large files go by %s, and leave with the run but for those that somebody else has',
  async (transfer) => {
    const hubFolder = join(folder, 'hub')
    const hub = await hubWithJobs({ folder: hubFolder, transfer })
    await createRepo({ ...access(hub), repo, visibility: 'private' })
    const sizeBytes = isWhole ? 6_000_000 : 1_200_000
    const [own, shared] = [bytesLike(1, sizeBytes), bytesLike(2, sizeBytes)]
    await writeFile(join(folder, 'own.bin'), own)
    await writeFile(join(folder, 'shared.bin'), shared)
    await uploadFile({ ...access(hub), repo, file: { path: 'mine.bin', content: new Blob([shared]) } })
    const turn = `${readRequest}; fs.writeFileSync(paths.weights + "/turned.bin", fs.readFileSync("own.bin").reverse())`
    const files = ['--file', 'own.bin', '--file', 'shared.bin']
    const { ended, weights, err } = await launch(hub, files, ['node', '-e', turn])
    expect([await ended, await err]).toEqual([0, ''])
    expect((await readFile(join(weights, 'turned.bin'))).equals(own.reverse())).toBe(true)
    const left = (await collect(listFiles({ ...access(hub), repo }))).flatMap(({ lfs }) => lfs?.oid ?? [])
    const kept = await readdir(join(hubFolder, `datasets/${repository}.git/lfs/objects`), { recursive: true })
    expect(kept.filter((path) => path.length > 64).map((path) => path.slice(-64))).toEqual(left)
  },
)

itInFull('a job that the Hub refuses leaves nothing either', async () => {
  const hub = await hubWithJobs({
    before: ({ method, path }) =>
      method === 'POST' && path === '/api/jobs/me' ? { status: 402, body: { error: 'Add credits' } } : undefined,
  })
  await expect(train(trainerOn(hub))).rejects.toThrow(/exit code 1[\s\S]*Add credits/)
  expect(await stateOf(hub)).toMatchObject({ stages: [], branches: ['main'] })
})

it.each(
  sampleOf<readonly [options: readonly string[], command: readonly string[], said: string, isPublic: boolean]>(
    [
      [['--file', '../away'], ['node', program, 'fit'], '"../away" does not lie in the program\'s folder', false],
      [['--poll-seconds', '0'], ['node', program, 'fit'], '--poll-seconds is not a number above 0', false],
      [['--secret', 'NOT_SET'], ['node', program, 'fit'], 'set NOT_SET', false],
      [[], ['node', program, 'fit'], 'me/jobs is public', true],
    ],
    1,
  ),
)('%j %j says %s', async (options, command, said, isPublic) => {
  const hub = await hubWithJobs()
  if (isPublic) await createRepo({ ...access(hub), repo, visibility: 'public' })
  const { ended, err } = await launch(hub, options, command)
  expect(await ended).toBe(1)
  expect(await err).toContain(said)
})
