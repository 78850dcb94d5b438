import { callContext } from '../../core/index.js'
import type { QueueOptions, QueueStatus } from '../../execute/index.js'
import type { LfsPointers, PointerCount } from '../../repository/index.js'
import { type Command, toJson } from '../command.js'
import { queueHelp, queueIn, queueOptions, usageOf } from '../queue-options.js'

export const doctor: Command = {
  name: 'doctor',
  usage: '',
  summary: 'Show which devices can train here, which files of Git LFS are not fetched, and the workers of a cluster',
  options: queueOptions,
  optionHelp: queueHelp,
  examples: ['sheikh doctor', 'sheikh doctor --redis redis://queue.example:6379 --json'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const { signal } = terminal
    const queue = queueIn(values, usageOf('doctor', 'look at the cluster'))
    const cluster = queue && (await clusterOf(queue, signal))
    const { probeDevices } = await import('../../trainer/tfjs/index.js')
    const devices = await probeDevices(callContext({ signal }))
    const lines = devices.map(({ name, ok, reason, versions, gflops, isSoftware }) => {
      const what = Object.entries(versions).map(([of, version]) => `${of} ${version}`)
      return `${name.padEnd(7)} ${ok ? `works   ${gflops} GFLOP/s  ${what.join(', ')}${isSoftware ? ', emulated in software: "auto" skips it' : ''}` : `no      ${reason}`}`
    })
    const { lfsPointersIn } = await import('../../repository/index.js')
    const lfs = await lfsPointersIn(project, { signal })
    const first = devices.find(({ ok, isSoftware }) => ok && isSoftware !== true)
    return {
      text: [
        ...lines,
        first === undefined ? 'No device can train on this machine.' : `"auto" selects ${first.name}.`,
        ...(lfs === undefined ? [] : lfsLines(lfs)),
        ...(cluster === undefined ? [] : clusterLines(cluster)),
      ].join('\n'),
      json: toJson({
        devices: devices.map(({ name, ok, reason = null, versions, gflops = null }) => ({
          ...{ name, ok, reason, versions, gflops },
        })),
        lfs: lfs ?? null,
        cluster: cluster ?? null,
      }),
      exitCode: first === undefined || (cluster?.findings.length ?? 0) > 0 ? 1 : 0,
    }
  },
}

async function clusterOf(queue: QueueOptions, signal: AbortSignal): Promise<QueueStatus> {
  const { queueStatus } = await import('../../execute/index.js')
  // A server that does not answer is a finding.
  return queueStatus(queue, callContext({ signal }))
}

function clusterLines({ queue, address, workers, jobs, findings }: QueueStatus): readonly string[] {
  const known = (workers ?? []).map(
    ({ version, pid, host, address: from }) =>
      `  worker ${pid ?? 'without a name'}${host === null ? '' : ` on ${host}, version ${version}`}${from === null ? '' : `, from ${from}`}`,
  )
  const counts =
    jobs === null
      ? []
      : [
          `  jobs: ${jobs.waiting} waiting, ${jobs.active} active; in the last hour ${jobs.finished} finished, ${jobs.lost} of them because their worker was lost`,
        ]
  return [
    `Cluster: queue "${queue}"${address === null ? '' : ` on ${address}`}`,
    ...known,
    ...counts,
    ...findings.map(({ code, message }) => `  ${code}: ${message}`),
  ]
}

/** What the checkout has as Git LFS pointers, and how to fetch the rest. */
function lfsLines({ data, models }: LfsPointers): readonly string[] {
  const countOf = ({ files, missing, missingBytes, examples }: PointerCount) => {
    const named = examples.length === 0 ? '' : ` (${examples.join(', ')}${missing > examples.length ? ', …' : ''})`
    const fetched =
      missing === 0
        ? 'all are in the store of this clone'
        : `${missing} of them, ${(missingBytes / 1e6).toFixed(1)} MB, are not fetched${named}`
    return `${files} ${files === 1 ? 'file is a Git LFS pointer' : 'files are Git LFS pointers'}; ${fetched}.`
  }
  const line = (title: string, counted: PointerCount) =>
    `${title}: ${countOf(counted)}${counted.missing === 0 ? '' : ' A run fetches what it reads. To fetch all now: git lfs pull'}`
  return [
    ...(data.files === 0 ? [] : [line('Data', data)]),
    ...(models.files === 0 ? [] : [line('Base model', models)]),
  ]
}
