import type { Release } from '../../releaser/index.js'
import { moment } from '../../report/index.js'
import { type Command, toJson } from '../command.js'
import { metricText } from '../primary-metric.js'
import { open } from '../project.js'

export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'what is released, what waits, how the last run ended',
  options: {},
  optionHelp: {},
  positionals: [0, 0],
  async run({ project }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    const [current, runs, head, dirtyPaths, missing] = [
      await pipeline.current(),
      await pipeline.runs({ limit: 50 }),
      await repository.head(),
      await repository.dirtyPaths(),
      await pipeline.missingReleases(),
    ]
    const awaiting = runs.filter(({ status, commit }) => status === 'awaiting-approval' && commit === head?.oid)
    const last = runs[0]
    const lines = [
      current === undefined
        ? 'Released: nothing yet.'
        : `Released: ${current.version} (${moment(current.publishedAtMs)}${metricText(current.record)})${current.withdrawn === undefined ? '' : ', withdrawn'}.`,
      ...overrideLine(current),
      ...(missing.length === 0
        ? []
        : [
            `Missing: the ledger records ${missing.join(', ')}, and the registry does not contain ${missing.length === 1 ? 'it' : 'them'}. A run is refused until ${missing.length === 1 ? 'it is' : 'they are'} back. If ${missing.length === 1 ? 'it is' : 'they are'} lost: sheikh ledger accept-loss --reason "…"`,
          ]),
      `Commit: ${head?.oid.slice(0, 10) ?? 'none'}${dirtyPaths.length > 0 ? `, and ${dirtyPaths.length} files that a run reads are not committed` : ''}.`,
      last === undefined
        ? 'Last run: none.'
        : `Last run: ${last.runId}, ${last.status}${last.reason === undefined ? '' : ` (${last.reason})`}, ${moment(last.startedAtMs)}.`,
      ...awaiting.map(
        ({ runId }) => `Awaiting approval: ${runId}. Release it with: sheikh approve ${runId} --reason "…"`,
      ),
    ]
    const json = {
      current:
        current === undefined
          ? null
          : {
              version: current.version,
              bundle: current.bundle,
              publishedAtMs: current.publishedAtMs,
              metrics: current.record.metrics,
              override: current.record.override,
            },
      missingReleases: missing,
      commit: head?.oid ?? null,
      dirtyPaths,
      lastRun:
        last === undefined
          ? null
          : { runId: last.runId, status: last.status, reason: last.reason, startedAtMs: last.startedAtMs },
      awaitingApproval: awaiting.map(({ runId }) => runId),
    }
    return { text: lines.join('\n'), json: toJson(json) }
  },
}

/** A release against the evidence is said to be one for as long as it stands. */
function overrideLine(current: Release | undefined): readonly string[] {
  const { by, reason, untilMs } = (current?.record.override ?? {}) as {
    readonly by?: string
    readonly reason?: string
    readonly untilMs?: number
  }
  if (untilMs === undefined) return []
  return [`Against the evidence: ${by} answers for it until ${moment(untilMs)} (${reason}).`]
}
