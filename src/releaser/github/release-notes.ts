import { canonicalJson, type FileEntry, type Json, toJson } from '../../core/index.js'
import type { Verdict } from '../../gate/index.js'
import type { PendingRelease, ReleaseOverride } from '../index.js'
import { documentName } from './asset-names.js'

/** GitHub accepts 125,000 characters, far more rows than a person reads. */
const maximumRows = 40

/** Writes the release notes as Markdown: ids, digests and numbers, but no text of a sample. @param previous absent for the first release. */
export function releaseNotes(pending: PendingRelease, previous?: PendingRelease | undefined): string {
  const { record } = pending
  const sections = [
    origin(pending, previous),
    verdictIn(record.verdict),
    policyChangesIn(record.verdict),
    table('Metrics', ['metric', 'value', 'before'], metricRows(pending, previous)),
    table('Changes', ['part', 'change'], changeRows(pending, previous)),
    `### Verify\n\n\`${documentName}\` lists every file with its size and SHA-256, and the asset that contains it. sheikh-freemium checks every file when it opens the release.\n\nBundle: ${code(pending.bundle)}`,
  ]
  return sections.filter((section) => section !== undefined).join('\n\n')
}

function origin({ version, record, postPublish }: PendingRelease, previous: PendingRelease | undefined): string {
  const lines = [
    record.restoredFrom === undefined
      ? `Version ${version}${previous === undefined ? ', the first release' : `, after ${previous.version}`}.`
      : `Version ${version}: the files of ${record.restoredFrom} again.`,
    ...(record.commit === undefined ? [] : [`Commit: ${code(record.commit)}`]),
    `Run: ${code(record.runId)}`,
    ...(postPublish.withdraws.length === 0
      ? []
      : [
          `Withdraws: ${postPublish.withdraws.join(', ')}${decided({ by: postPublish.by, reason: postPublish.reason })}`,
        ]),
    ...(record.approval === undefined ? [] : [`Approved${decided(record.approval)}`]),
    ...(record.override === undefined ? [] : [`Released against the evidence${decided(record.override)}`]),
  ]
  return lines.join('\n\n')
}

type Decision = { readonly [K in 'by' | 'reason' | 'untilMs']?: ReleaseOverride[K] | undefined }

/** Who decided, why, and until when. */
function decided({ by, reason, untilMs }: Decision): string {
  return [
    by === undefined ? '' : ` by ${written(by)}`,
    untilMs === undefined ? '' : `, until ${new Date(untilMs).toISOString().slice(0, 10)}`,
    reason === undefined ? '' : `: ${written(reason)}`,
  ].join('')
}

/** The verdict and its counts, without the gate's sentences, which contain names of slices. */
function verdictIn(verdict: Verdict | undefined): string | undefined {
  if (verdict === undefined) return undefined
  const { status, findings } = verdict
  const passed = findings.filter((finding) => finding.status === 'pass').length
  return `The gate's verdict is **${status}**: ${passed} of ${findings.length} findings passed.`
}

/** The changes of the gate's policy since the previous release: names of checks and numbers. */
function policyChangesIn(verdict: Verdict | undefined): string | undefined {
  const { policyChanges = [] } = verdict ?? {}
  if (policyChanges.length === 0) return undefined
  const lines = policyChanges.slice(0, maximumRows).map(({ change }) => `- ${plain(change)}`)
  return `### Changes of the policy\n\n${lines.join('\n')}`
}

function metricRows({ record }: PendingRelease, previous: PendingRelease | undefined): readonly (readonly string[])[] {
  // Values on different items are not comparable.
  const isComparable = previous?.record.evaluationDigest === record.evaluationDigest
  const before = isComparable ? (previous?.record.metrics ?? {}) : {}
  return Object.entries(record.metrics ?? {}).map(([name, value]) => [
    code(name),
    shown(value),
    shown(before[name] ?? null),
  ])
}

function changeRows(pending: PendingRelease, previous: PendingRelease | undefined): readonly (readonly string[])[] {
  const [data, oldData] = [pending.record.dataset, previous?.record.dataset]
  const oldCounts: Readonly<Record<string, number | undefined>> = oldData?.counts ?? {}
  const counts: Readonly<Record<string, number | undefined>> = data?.counts ?? {}
  const rows = Object.entries(counts)
  const isFirst = previous === undefined
  return [
    ...(data !== undefined
      ? [
          [
            'data',
            [
              isFirst ? '' : data.fingerprint === oldData?.fingerprint ? 'unchanged, ' : 'changed, ',
              rows.map(([name, count]) => `${plain(name)} ${count}${was(count, oldCounts[name])}`).join(', '),
              ` (${code(data.fingerprint)})`,
            ].join(''),
          ],
        ]
      : []),
    ['prompts', fileChanges(pending, previous, (path) => path.startsWith('prompts/'))],
    ['other files', fileChanges(pending, previous, (path) => !path.startsWith('prompts/'))],
    ...configurationChanges(pending, previous),
  ]
}

function fileChanges(
  pending: PendingRelease,
  previous: PendingRelease | undefined,
  isMeant: (path: string) => boolean,
): string {
  const files = (of: PendingRelease | undefined) => (of?.manifest.files ?? []).filter(({ path }) => isMeant(path))
  const [now, before] = [files(pending), files(previous)]
  const total = `${now.length} ${now.length === 1 ? 'file' : 'files'}, ${bytes(now)} bytes`
  if (previous === undefined) return total
  const old = new Map(before.map(({ path, digest }) => [path, digest]))
  const added = now.filter(({ path }) => !old.has(path)).length
  const changed = now.filter(({ path, digest }) => old.has(path) && old.get(path) !== digest).length
  const removed = before.length - (now.length - added)
  if (added + changed + removed === 0) return `unchanged: ${total}`
  return `${added} added, ${changed} changed, ${removed} removed; now ${total}`
}

const bytes = (files: readonly FileEntry[]) => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)

/** Changed trainer settings: numbers and booleans with their values, others only by name. */
function configurationChanges(
  pending: PendingRelease,
  previous: PendingRelease | undefined,
): readonly (readonly string[])[] {
  if (previous === undefined || pending.record.candidate === undefined) return []
  const [now, before] = [leavesOf(pending), leavesOf(previous)]
  const changed = [...new Set([...now.keys(), ...before.keys()])]
    .filter((path) => canonicalJson(now.get(path) ?? null) !== canonicalJson(before.get(path) ?? null))
    .sort()
  if (changed.length === 0) return [['configuration', 'unchanged']]
  return changed.map((path) => {
    const [to, from] = [now.get(path), before.get(path)]
    const isTold = [to, from].every((value) => value === undefined || ['number', 'boolean'].includes(typeof value))
    const value = (of: Json | undefined) => (of === undefined ? 'not set' : String(of))
    return [`configuration: ${code(path)}`, isTold ? `${value(from)} → ${value(to)}` : 'changed']
  })
}

function leavesOf({ record }: PendingRelease): ReadonlyMap<string, Json> {
  const { trainer, seed, base } = record.candidate ?? {}
  // The settings, but not the resulting row counts.
  const named = base && { version: base.version, replayShare: base.replayShare }
  const leaves = new Map<string, Json>()
  const walk = (value: Json, path: string) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) leaves.set(path, value)
    else for (const [key, below] of Object.entries(value)) walk(below, path === '' ? key : `${path}.${key}`)
  }
  walk(toJson({ seed, trainer, base: named }), '')
  return leaves
}

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string | undefined {
  if (rows.length === 0) return undefined
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const more = rows.length > maximumRows ? `\n\n${rows.length - maximumRows} more are in \`${documentName}\`.` : ''
  return `### ${title}\n\n${[head, head.map(() => '---'), ...rows.slice(0, maximumRows)].map(line).join('\n')}${more}`
}

const was = (now: number | undefined, before: number | undefined) =>
  before !== undefined && before !== now ? ` (was ${before})` : ''
const shown = (value: number | null) => (value === null ? '' : String(Math.round(value * 1e6) / 1e6))

/** Escapes a name, so that it cannot end a table cell or mention a user. */
const plain = (text: string) => text.slice(0, 100).replace(/[^\p{L}\p{N} ._:=/+-]+/gu, '?')
/** Escapes text that people wrote: no markup, no mention of a user. */
const written = (text: string) =>
  text.slice(0, 500).replace(/[^\p{L}\p{N} .,:;'()/+-]/gu, (character) => `&#${character.codePointAt(0)};`)
const code = (text: string) => `\`${plain(text)}\``
