import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock, Json } from '../../core/index.js'
import { type Program, startProgram } from '../../trainer/command/index.js'
import { refuse } from './answer.js'

/** What somebody asked to be run. Secrets are known to its process only. */
export interface HubJob {
  readonly id: string
  readonly namespace: string
  readonly dockerImage: string
  readonly command: readonly string[]
  readonly flavor: string
  readonly environment: Readonly<Record<string, string>>
  readonly labels: Readonly<Record<string, string>>
}

/** What stands for a job's container: a program of this machine. */
export interface HubJobProcess {
  readonly command: string
  readonly args: readonly string[]
  /** Those of the image; the job's own are added. */
  readonly variables: Readonly<Record<string, string>>
}

export type HubJobRunner = (job: HubJob) => HubJobProcess

export interface JobRequest extends Omit<HubJob, 'id'> {
  readonly secrets: Readonly<Record<string, string>>
  readonly timeoutSeconds: number | undefined
}

export interface RunningJob {
  readonly namespace: string
  readonly id: string
  /** As the Hub answers it. */
  describe(): Json
  /** Ends it and all that it started, if it has not ended. */
  cancel(): Promise<void>
  /** From the first line, until the job ends. */
  logs(): AsyncIterable<{ readonly data: string; readonly timestamp: string }>
}

export type Jobs = ReturnType<typeof jobs>

/** Between SIGTERM and SIGKILL: a test waits for it. */
const graceMs = 1_000
const longestLineBytes = 1 << 20

/** Jobs that run as processes of this machine, each in a folder of its own, and end with the Hub. */
export function jobs(run: HubJobRunner | undefined, clock: Clock) {
  const all: RunningJob[] = []
  let isClosed = false
  return {
    start(request: JobRequest): RunningJob {
      if (run === undefined) throw refuse(501, 'This loopback Hub runs no jobs: start it with "runJob"')
      if (isClosed) throw refuse(503, 'This Hub is closing')
      const job = startJob(request, run, clock)
      all.push(job)
      return job
    },
    find: (namespace: string, id: string) => all.find((job) => job.namespace === namespace && job.id === id),
    of: (namespace: string): readonly RunningJob[] => all.filter((job) => job.namespace === namespace),
    async close() {
      isClosed = true
      await Promise.all(all.map((job) => job.cancel()))
    },
  }
}

// As the Hub names them: huggingface_hub 2.4.0, `JobStage`.
type Stage = 'SCHEDULING' | 'RUNNING' | 'COMPLETED' | 'CANCELED' | 'ERROR'

function startJob({ secrets, timeoutSeconds, ...asked }: JobRequest, run: HubJobRunner, clock: Clock): RunningJob {
  const job: HubJob = { ...asked, id: randomBytes(12).toString('hex') }
  const now = () => new Date(clock.nowMs()).toISOString()
  const createdAt = now()
  const lines: { readonly data: string; readonly timestamp: string }[] = []
  let status: { stage: Stage; message: string | null } = { stage: 'SCHEDULING', message: null }
  let ending: typeof status | undefined
  let finishedAt: string | undefined
  let program: Program | undefined
  let wake = () => {}
  let changed = new Promise<void>((resolve) => (wake = resolve))
  const tell = () => {
    wake()
    changed = new Promise((resolve) => (wake = resolve))
  }
  const say = (data: string) => {
    lines.push({ data, timestamp: now() })
    tell()
  }
  /** The first reason to stop it is what is told of it. */
  const stop = (reason: typeof status) => {
    ending ??= reason
    return program?.stop()
  }

  async function work(): Promise<typeof status> {
    const folder = await mkdtemp(join(tmpdir(), 'sheikh-hub-job-'))
    let timer: NodeJS.Timeout | undefined
    try {
      const { command, args, variables } = run(job)
      program = await startProgram({
        command,
        args,
        cwd: folder,
        variables: { ...variables, HOME: folder, TMPDIR: folder, ...job.environment, ...secrets },
        graceMs,
        stdin: false,
        longestLineBytes,
        onLine: say,
        onErrorLine: say,
      })
      status = { stage: 'RUNNING', message: null }
      say(`===== Job started at ${now()} =====`)
      if (ending !== undefined) void program.stop()
      if (timeoutSeconds !== undefined)
        timer = setTimeout(() => void stop({ stage: 'ERROR', message: 'Job timeout' }), timeoutSeconds * 1000)
      const { exitCode } = await program.ended
      if (ending !== undefined) return ending
      return exitCode === 0
        ? { stage: 'COMPLETED', message: null }
        : { stage: 'ERROR', message: `Job failed with exit code: ${exitCode}` }
    } finally {
      clearTimeout(timer)
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    }
  }

  const ended = work()
    .catch((error: Error): typeof status => ({ stage: 'ERROR', message: error.message }))
    .then((last) => {
      status = last
      finishedAt = now()
      tell()
    })

  return {
    namespace: job.namespace,
    id: job.id,
    describe: () => ({
      type: 'job',
      id: job.id,
      status: { ...status, failureCount: status.stage === 'ERROR' ? 1 : 0 },
      createdAt,
      ...(finishedAt !== undefined && { finishedAt }),
      dockerImage: job.dockerImage,
      command: job.command,
      environment: job.environment,
      flavor: job.flavor,
      timeoutSeconds: timeoutSeconds ?? null,
      attempts: 1,
      owner: { id: '000000000000000000000001', name: job.namespace, type: 'user' },
      secrets: Object.keys(secrets),
      labels: job.labels,
    }),
    async cancel() {
      void stop({ stage: 'CANCELED', message: null })
      await ended
    },
    async *logs() {
      for (let next = 0; ; ) {
        const wait = changed
        while (next < lines.length) yield lines[next++]!
        if (finishedAt !== undefined) return
        if (wait === changed) await wait
      }
    },
  }
}
