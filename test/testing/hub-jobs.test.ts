import { cancelJob, getJob, listJobs, runJob, streamJobLogs } from '@huggingface/hub'
import { expect, it } from 'vitest'
import type { Hub } from '../../src/testing/hub/index.js'
import { collect, hubForTest, hubWithJobs, token } from './hub-fixture.js'

const common = ({ url }: Hub, accessToken = token) => ({ hubUrl: url, accessToken, namespace: 'ns' })
const run = (hub: Hub, script: string, more: object = {}) =>
  runJob({ ...common(hub), dockerImage: 'node:20', flavor: 'cpu-basic', command: ['node', '-e', script], ...more })
const logsOf = (hub: Hub, jobId: string) =>
  collect(streamJobLogs({ ...common(hub), jobId })).then((lines) => lines.map(({ message }) => message).slice(1))
/** The logs end with the job. */
async function ended(hub: Hub, jobId: string) {
  const lines = await logsOf(hub, jobId)
  const { status } = await getJob({ ...common(hub), jobId })
  return { stage: status.stage as string, message: status.message, lines }
}
const forever = 'console.log(process.pid); setInterval(() => {}, 1000)'
const firstLine = async (hub: Hub, jobId: string) => {
  let number = 0
  for await (const { message } of streamJobLogs({ ...common(hub), jobId })) if (number++ === 1) return message
  throw new Error('no line')
}
const isAlive = (pid: string) => {
  try {
    return process.kill(Number(pid), 0)
  } catch {
    return false
  }
}

it('runs a job: its variables and secrets, its lines, its end', async () => {
  const hub = await hubWithJobs()
  const script = 'console.log(process.env.A, process.env.B); console.error("two"); console.log(process.env.HOME)'
  const { id, status, secrets, labels } = await run(hub, script, {
    environment: { A: 'a' },
    secrets: { B: 'hush-hush' },
    labels: { run: 'one' },
  })
  expect([status.stage, secrets, labels]).toEqual(['SCHEDULING', ['B'], { run: 'one' }])
  const { lines, ...end } = await ended(hub, id)
  expect(end).toEqual({ stage: 'COMPLETED', message: null })
  expect(lines).toContain('a hush-hush')
  expect(lines).toContain('two')
  expect(await logsOf(hub, id)).toEqual(lines)
  const other = await run(hub, 'process.exit(3)')
  expect(await ended(hub, other.id)).toEqual({ stage: 'ERROR', message: 'Job failed with exit code: 3', lines: [] })
  expect((await listJobs(common(hub))).map((job) => job.id)).toEqual([id, other.id])
  expect(await listJobs({ ...common(hub), namespace: 'other' })).toEqual([])
})

it('ends a job that is cancelled, takes too long, or is still there when the Hub closes', async () => {
  const hub = await hubWithJobs()
  const [cancelled, late, last] = await Promise.all([
    run(hub, forever),
    run(hub, forever, { timeoutSeconds: 1 }),
    run(hub, forever),
  ])
  const pids = await Promise.all([cancelled, late, last].map(({ id }) => firstLine(hub, id)))
  expect((await cancelJob({ ...common(hub), jobId: cancelled.id })).status.stage).toBe('CANCELED')
  expect((await cancelJob({ ...common(hub), jobId: cancelled.id })).status.stage).toBe('CANCELED')
  expect(await ended(hub, late.id)).toMatchObject({ stage: 'ERROR', message: 'Job timeout' })
  expect(pids.map(isAlive)).toEqual([false, false, true])
  await hub.close()
  expect(pids.map(isAlive)).toEqual([false, false, false])
})

it('a job whose program is not there ends in an error', async () => {
  const hub = await hubWithJobs()
  const { id } = await runJob({ ...common(hub), dockerImage: 'x', flavor: 'cpu-basic', command: ['no-such-program'] })
  expect(await ended(hub, id)).toMatchObject({
    stage: 'ERROR',
    message: expect.stringMatching(/the program is not on the PATH/),
  })
})

it('refuses who may not, what is not there, and what it cannot do', async () => {
  const tokens = [
    { token, role: 'write' },
    { token: 'hf_read', role: 'read' },
  ] as const
  const hub = await hubWithJobs({ tokens })
  const { id } = await run(hub, '')
  await expect(run(hub, '', { accessToken: 'hf_read' })).rejects.toMatchObject({ statusCode: 403 })
  await expect(cancelJob({ ...common(hub, 'hf_read'), jobId: id })).rejects.toMatchObject({ statusCode: 403 })
  expect((await getJob({ ...common(hub, 'hf_read'), jobId: id })).id).toBe(id)
  await expect(listJobs(common(hub, 'hf_unknown'))).rejects.toMatchObject({ statusCode: 401 })
  expect((await fetch(`${hub.url}/api/jobs/ns/${id}`)).status).toBe(401)
  await expect(getJob({ ...common(hub), jobId: 'none' })).rejects.toMatchObject({ statusCode: 404 })
  await expect(run(hub, '', { attempts: 2 })).rejects.toMatchObject({ statusCode: 501 })
  await expect(run(hub, '', { command: [] })).rejects.toMatchObject({ statusCode: 400 })
  await expect(run(await hubForTest(), '')).rejects.toMatchObject({ statusCode: 501 })
})
