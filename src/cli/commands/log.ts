import { moment } from '../../report/texts/index.js'
import type { AuditedCommit, ReleaseCommits, ReleaseLog, ReleaseOrigin } from '../../repository/index.js'
import { commitText, oneLine, problemTexts } from '../audit-text.js'
import { type Command, toJson } from '../command.js'
import { open } from '../project.js'
import { joinTexts, type Style, styled, type Text } from '../styled-text.js'

const mostCommits = 50

export const log: Command = {
  name: 'log',
  usage: '[version | channel]',
  summary: 'Show where a release comes from: commits, gate, decisions, channels, signature',
  options: { all: { type: 'boolean' } },
  optionHelp: { all: `Show all commits (default: the newest ${mostCommits} that changed what a run reads)` },
  examples: ['sheikh log', 'sheikh log 1.2.0', 'sheikh log production --all'],
  positionals: [0, 1],
  async run({ project, positionals: [name], values }, terminal) {
    const repository = await open(project, terminal)
    const found = await repository.log(name)
    const isBroken = found.problems.some(({ part, code }) => part === 'ledger' && code === 'artifact-corrupt')
    return { text: joinTexts(linesOf(found, values['all'] === true)), json: toJson(found), exitCode: isBroken ? 1 : 0 }
  },
}

function linesOf(log: ReleaseLog, all: boolean): readonly Text[] {
  const { version, publishedAtMs, runId, bundle, withdrawn, removedAtMs, previous, trained, restored } = log
  return [
    [styled('strong', version), `, published ${moment(publishedAtMs)} by the run ${runId}`],
    `Bundle: ${bundle}`,
    ...originText(version, log.origin),
    ...(withdrawn === undefined
      ? []
      : [
          [
            styled('bad', 'Withdrawn'),
            ` ${moment(withdrawn.atMs)}${byText(withdrawn.by)}: ${oneLine(withdrawn.reason)}`,
          ],
        ]),
    ...(removedAtMs === undefined ? [] : [`Its files were removed ${moment(removedAtMs)}.`]),
    ...problemTexts(log.problems),
    '',
    ...(restored === undefined ? [] : [...commitLines('Commits that led to the restoration', restored, all), '']),
    ...(trained === undefined
      ? []
      : commitLines(
          `Commits that led to the model${log.origin.kind === 'trained' && previous !== undefined ? `, since ${previous}` : ''}`,
          trained,
          all,
        )),
    ...log.repins.map(
      ({ atMs, by, reason, changed, removed }) =>
        `Evaluation set repinned ${moment(atMs)} by ${oneLine(by)} (${changed} changed, ${removed.length} removed): ${oneLine(reason)}`,
    ),
    '',
    ...decisionLines(log),
    '',
    ...placeLines(log),
  ].filter((line, index, lines) => line !== '' || lines[index - 1] !== '')
}

const byText = (by: string | undefined) => (by === undefined ? '' : ` by ${oneLine(by)}`)

function originText(version: string, origin: ReleaseOrigin): readonly Text[] {
  const dirty: readonly Text[] = origin.uncommitted
    ? [
        [
          styled('bad', 'Made from uncommitted changes:'),
          ' no commit contains all that the model was made of, so the commits below do not tell everything.',
        ],
      ]
    : []
  if (origin.kind === 'imported') return [...dirty, `Imported from ${oneLine(origin.from)}${byText(origin.by)}.`]
  if (origin.kind === 'trained')
    return [...dirty, origin.commit === undefined ? 'It names no commit.' : `Commit: ${origin.commit}`]
  const { cause, restoredFrom, origin: first, reason } = origin
  const why = {
    revert: `a run found that the files are those of ${restoredFrom}${origin.commit === undefined ? '' : ` (commit ${origin.commit.slice(0, 10)})`}`,
    rollback: `rolled back${byText(origin.by)}`,
    republication: `republished${byText(origin.by)}`,
  }[cause]
  const from = first === undefined || first === restoredFrom ? '' : `, which is ${first}`
  return [
    ...dirty,
    `The model of ${restoredFrom}${from} again: ${why}${reason === undefined ? '' : `: ${oneLine(reason)}`}. Nothing was trained for ${version}.`,
    ...(first === undefined ? [] : [`Below is how ${first} was made.`]),
  ]
}

function commitLines(
  heading: string,
  { from, to, isAncestor, commits }: ReleaseCommits,
  all: boolean,
): readonly Text[] {
  const relevant = commits.filter(
    ({ changes }) => changes === undefined || changes.some(({ kind }) => kind !== 'other'),
  )
  const shown = all ? commits : relevant.slice(0, mostCommits)
  const others = commits.length - relevant.length
  const range = from === undefined ? `until ${to.slice(0, 10)}` : `${from.slice(0, 10)}..${to.slice(0, 10)}`
  return [
    styled('strong', `${heading} (${range}): ${commits.length}`),
    ...(isAncestor === false
      ? [
          'The previous commit is no ancestor of this one: the history was rewritten, or the release was made on another branch.',
        ]
      : []),
    ...shown.flatMap(oneCommit),
    ...(shown.length < relevant.length && !all
      ? [`  … and ${relevant.length - shown.length} older commits. To show them: --all`]
      : []),
    ...(others > 0 && !all
      ? [`  ${others} ${others === 1 ? 'commit' : 'commits'} changed nothing that a run reads. To show them: --all`]
      : []),
  ]
}

function oneCommit(commit: AuditedCommit): readonly Text[] {
  const { changes, gate, settings } = commit
  return [
    `  ${commitText(commit)}`,
    ...(changes === undefined ? ['      changes unknown'] : []),
    ...(changes ?? []).map(
      ({ kind, count, paths }) =>
        `      ${kind}: ${count} ${count === 1 ? 'file' : 'files'} (${paths.map(oneLine).join(', ')}${count > paths.length ? ', …' : ''})`,
    ),
    ...gate.map(
      ({ change, looser }): Text => [
        '      ',
        looser ? styled('bad', 'gate loosened:') : 'gate changed:',
        ` ${oneLine(change)}`,
      ],
    ),
    ...(settings.length === 0
      ? []
      : [
          `      settings: ${settings
            .slice(0, 5)
            .map(({ key }) => oneLine(key))
            .join(', ')}${settings.length > 5 ? ', …' : ''}`,
        ]),
  ]
}

const styles: Readonly<Record<string, Style>> = { pass: 'good', fail: 'bad', inconclusive: 'open' }

function decisionLines({
  verdict,
  candidates = [],
  baseline,
  approval,
  override,
  origin,
}: ReleaseLog): readonly Text[] {
  const against = baseline === undefined ? '' : `, compared with ${baseline}`
  return [
    ...(verdict === undefined
      ? [origin.kind === 'imported' ? 'Gate: an import is not judged.' : 'Gate: no verdict is recorded.']
      : [
          [
            styled('strong', 'Gate: '),
            styled(styles[verdict.status] ?? 'open', verdict.status),
            `${against}. ${oneLine(verdict.summary)}`,
          ],
          ...verdict.findings.map((finding): Text => {
            const { check, status, reason, slice, againstVersion } = finding
            const margin = 'margin' in finding ? `, margin ${finding.margin}` : ''
            const where = slice === undefined ? '' : ` in ${oneLine(slice)}`
            const compared = againstVersion === undefined ? '' : `, against ${againstVersion}`
            return `  ${oneLine(check)}${where}: ${status}${margin}${compared}. ${oneLine(reason)}`
          }),
        ]),
    ...candidates.map(
      ({ name, status, reason, chosen }): Text =>
        `Candidate ${oneLine(name)}${chosen ? ' (released)' : ''}: ${status}. ${oneLine(reason)}`,
    ),
    ...(approval === undefined ? [] : [`Approved by ${oneLine(approval.by)}: ${oneLine(approval.reason)}`]),
    ...(override === undefined
      ? []
      : [
          `Overridden by ${oneLine(override.by)} against ${override.checks.map(oneLine).join(', ')}, until ${moment(override.untilMs)}: ${oneLine(override.reason)}`,
        ]),
  ]
}

function placeLines({ channels, promotions, registries, checks, ledger }: ReleaseLog): readonly Text[] {
  const place = (describe: unknown) => {
    const values = typeof describe === 'object' && describe !== null ? Object.values(describe) : []
    return values.find((value) => typeof value === 'string') ?? ''
  }
  const said = { true: 'yes', false: 'no', undefined: 'unknown' } as const
  return [
    `Channels now: ${channels.length === 0 ? 'none' : channels.join(', ')}`,
    ...promotions.map(({ channel, by, atMs }) => `Promoted to ${channel} ${moment(atMs)} by ${oneLine(by)}`),
    ...registries.map(
      ({ name, describe, hasRelease }) =>
        `Registry ${oneLine(`${name} ${place(describe)}`)}: ${said[`${hasRelease}` as keyof typeof said]}`,
    ),
    ...checks.map(
      ({ name, status, detail }): Text => [
        `${name}: `,
        styled(status === 'valid' ? 'good' : status === 'invalid' ? 'bad' : 'faint', status),
        `, ${oneLine(detail)}`,
      ],
    ),
    ledger === undefined ? styled('bad', 'The ledger is not verified.') : 'The ledger is intact.',
  ]
}
