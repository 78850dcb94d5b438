import { type RunRecord, withdrawnAncestor } from '../../pipeline/index.js'
import type { Release } from '../../releaser/index.js'
import { metricText, moment } from '../../report/texts/index.js'
import { type Command, toJson } from '../command.js'
import { open } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

export const status: Command = {
  name: 'status',
  usage: '',
  summary: 'Show the current release, runs that await approval or release, and the last run',
  options: {},
  optionHelp: {},
  examples: ['sheikh status', 'sheikh status --json'],
  positionals: [0, 0],
  async run({ project }, terminal) {
    const repository = await open(project, terminal)
    const loaded = await repository.load()
    const { pipeline } = loaded
    const [current, runs, head, dirtyPaths, missing] = [
      await pipeline.current(),
      await pipeline.runs({ limit: 50 }),
      await repository.head(),
      await loaded.dirtyPaths(),
      await pipeline.missingReleases(),
    ]
    const part = current && withdrawnAncestor(await pipeline.history(), current)
    const atHead = runs.filter(({ commit }) => commit === head?.oid)
    const awaiting = atHead.filter(({ status }) => status === 'awaiting-approval')
    const unreleased = atHead.filter(({ status }) => status === 'awaiting-release')
    const last = runs.find((run) => run.command !== 'trial' && !isRefusedDecision(run))
    const lines: readonly Text[] = [
      current === undefined
        ? 'Released: nothing yet.'
        : `Released: ${current.version} (${moment(current.publishedAtMs)}${metricText(current.record)})${current.withdrawn === undefined ? '' : ', withdrawn'}.`,
      ...overrideLine(current),
      ...withdrawnPartLine(part),
      ...(missing.length === 0
        ? []
        : [
            [
              styled('bad', 'Missing:'),
              ` the ledger records ${missing.join(', ')}, but the registry does not contain ${missing.length === 1 ? 'this release' : 'these releases'}. Runs are refused until you restore ${missing.length === 1 ? 'it' : 'them'}, or accept the loss: sheikh ledger accept-loss --reason "…"`,
            ],
          ]),
      `Commit: ${head?.oid.slice(0, 10) ?? 'none'}${dirtyPaths.length > 0 ? `; ${dirtyPaths.length === 1 ? '1 file that a run reads is' : `${dirtyPaths.length} files that a run reads are`} changed, new or missing` : ''}.`,
      last === undefined
        ? 'Last run: none.'
        : `Last run: ${last.runId}, ${last.status}${last.reason === undefined ? '' : ` (${last.reason})`}, ${moment(last.startedAtMs)}.`,
      ...awaiting.map(
        ({ runId }): Text => [
          styled('open', 'Awaiting approval:'),
          ` ${runId}. To release it: sheikh approve ${runId} --reason "…"`,
        ],
      ),
      ...unreleased.map(
        ({ runId }): Text => [
          styled('open', 'Awaiting release:'),
          ` ${runId}. To decide on it: sheikh release ${runId}`,
        ],
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
              withdrawnPart: part?.version,
            },
      missingReleases: missing,
      commit: head?.oid ?? null,
      dirtyPaths,
      lastRun:
        last === undefined
          ? null
          : { runId: last.runId, status: last.status, reason: last.reason, startedAtMs: last.startedAtMs },
      awaitingApproval: awaiting.map(({ runId }) => runId),
      awaitingRelease: unreleased.map(({ runId }) => runId),
    }
    return { text: joinTexts(lines), json: toJson(json) }
  },
}

const refusals = new Set<string | undefined>([
  ...['not-found', 'invalid-options', 'repository-dirty'],
  ...['release-rejected', 'release-conflict', 'releases-missing'],
])

/** Whether it is a decision that was refused, such as one with a wrong name: it changed nothing. */
const isRefusedDecision = ({ command, status, reason, stages }: RunRecord): boolean =>
  command !== 'run' && status === 'failed' && refusals.has(reason) && stages.length === 0

/** Reports that the current release was made of a release that is withdrawn. */
function withdrawnPartLine(part: Release | undefined): readonly Text[] {
  if (part === undefined) return []
  const { version, withdrawn } = part
  return [
    [
      styled('open', `Made of ${version}`),
      `, which is withdrawn (${withdrawn?.reason}). Train a model without it, or roll back.`,
    ],
  ]
}

/** Reports that the current release overrides the gate. */
function overrideLine(current: Release | undefined): readonly Text[] {
  const override = current?.record.override
  if (override === undefined) return []
  const { by, reason, untilMs } = override
  return [
    [
      styled('open', 'Override:'),
      ` released against the evidence. ${by} is responsible until ${moment(untilMs)} (${reason}).`,
    ],
  ]
}
