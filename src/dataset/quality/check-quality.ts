import { callContext, createRedactor, digestJson, hexOf, redactJson } from '../../core/index.js'
import { type Dataset, rowsOf } from '../dataset.js'
import type { DatasetRows } from '../dataset-rows.js'
import type { DatasetContext, DatasetSnapshot, DatasetSummary } from '../dataset-types.js'
import { collectFacts } from './collect-facts.js'
import { type DataCheckWorkers, examineOnWorkers } from './examine-on-workers.js'
import { examineHere } from './examine-rows.js'
import { type Found, findingsAbout, type ReleasedData } from './findings-about.js'
import { type QualityFinding, type QualityReport, qualityKinds } from './quality-finding.js'
import { type QualityOptions, qualitySettings } from './quality-options.js'
import type { LabelMoves } from './relabelled.js'
import { SecretScanner } from './secrets.js'
import { eachText } from './text-fields.js'

export interface CheckQualityOptions extends QualityOptions {
  /** A snapshot of this dataset, if there is one already. @default the samples are scanned */
  readonly snapshot?: DatasetSnapshot<unknown, unknown> | undefined
  /** `none`: all rows count as training rows, so that no evaluation set is needed. @default 'pinned' */
  readonly evaluation?: 'pinned' | 'none' | undefined
  /** The summary of the released dataset for `drift`, and its rows for `relabelled`. @default neither is checked */
  readonly released?: ReleasedData | undefined
  /** Secrets to look for, beside everything that looks like one. @default none */
  readonly secrets?: readonly string[] | undefined
  /**
   * Workers with `dataCheckKind` that examine the texts. The report is the same for any number of workers and any shard size. Texts
   * travel through the store, and are removed when they are examined. `secrets` stay in this process. @default this process
   */
  readonly workers?: DataCheckWorkers | undefined
}

/** What tells findings about the same samples apart. */
const naming = ({ problem, rule, data }: Readonly<Record<string, unknown>>) => ({
  ...(problem !== undefined && { problem }),
  ...(rule !== undefined && { rule }),
  ...(data !== undefined && { data }),
})

/** Ids that a finding gives places for. */
const mostPlaces = 10

/**
 * Checks the quality of a dataset: secrets, leakage between training and evaluation data, licences, labels, duplicates, balance,
 * drift, relabelled rows and text. Reads all samples. The same samples and options give the same findings.
 *
 * Neither the findings nor errors contain text of samples, apart from labels, names of fields, licences and sources.
 *
 * @throws `invalid-options`; with `workers` as `Executor.run`, and `version-mismatch` for a worker with another tokenizer or other
 * rules for secrets; `missing-peer` without the packages that find secrets; as `Dataset.snapshot`.
 *
 * @example
 * ```ts
 * const { status, findings } = await checkQuality(dataset, { duplicate: 'off', license: { allowed: ['MIT'] } })
 * for (const { kind, ids, message } of findings) console.log(kind, message, ids)
 * ```
 */
export async function checkQuality<I, T>(
  dataset: Dataset<I, T>,
  { evaluation = 'pinned', snapshot: given, released, secrets = [], workers, ...options }: CheckQualityOptions = {},
  context: DatasetContext = callContext(),
): Promise<QualityReport> {
  const settings = qualitySettings(options)
  const examination = workers === undefined ? examineHere : examineOnWorkers(workers)
  const known = given as DatasetSnapshot<I, T> | undefined
  const snapshot = evaluation === 'none' ? undefined : (known ?? (await dataset.snapshot(context)))
  const read = await rowsOf(dataset as Dataset<unknown, unknown>, context, snapshot ?? known)
  const partAt = snapshot === undefined ? () => 'training' as const : read.partAt
  const { rows } = read
  const facts = await collectFacts({ ...read, partAt }, { settings, secrets, examination }, context)
  const summary = snapshot?.summary ?? summaryOf(rows)
  const { found, relabelled, unchecked } = findingsAbout(facts, { settings, summary, released }, context)
  // Rules may know more forms of secrets than the redactor, and a label, a licence or the name of a field may be one.
  const hide = createRedactor([...secrets, ...(await secretTexts(found, relabelled, secrets))])
  const findings = found.map((one) => findingOf(one, facts.masked, rows, hide))
  findings.sort((one, other) => qualityKinds.indexOf(one.kind) - qualityKinds.indexOf(other.kind))
  return {
    formatVersion: 1,
    status: findings.some(({ severity }) => severity === 'fail') ? 'fail' : findings.length > 0 ? 'warn' : 'pass',
    rows: rows.length,
    findings,
    ...(relabelled !== undefined && { relabelled: redactJson({ ...relabelled }, hide) as unknown as LabelMoves }),
    ...(facts.tokens !== undefined && { tokens: facts.tokens }),
    unchecked,
  }
}

/** The texts from samples in findings that contain secrets. */
async function secretTexts(
  found: readonly Found[],
  relabelled: LabelMoves | undefined,
  secrets: readonly string[],
): Promise<readonly string[]> {
  const texts = new Set<string>()
  eachText(relabelled?.moves, (text) => texts.add(text))
  for (const { members, kind, severity, message, ...detail } of found) eachText(detail, (text) => texts.add(text))
  const kept: string[] = []
  const scanner = new SecretScanner<string>((text) => kept.push(text), secrets)
  for (const text of texts) await scanner.add(text, text)
  await scanner.flush()
  return kept
}

/** What balance and drift need, if no evaluation set is pinned. */
function summaryOf(rows: DatasetRows['rows']): Pick<DatasetSummary, 'labels' | 'slices'> {
  const count = (names: Iterable<string>) => {
    const counts = new Map<string, number>()
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
    return Object.fromEntries(counts)
  }
  const labels = count(labelsOf(rows))
  return {
    labels: Object.keys(labels).length === 0 ? undefined : { training: labels, evaluation: {} },
    slices: { training: count(slicesOf(rows)), evaluation: {} },
  }
}

function* labelsOf(rows: DatasetRows['rows']): Iterable<string> {
  for (const { label } of rows) if (label !== undefined) yield label
}

function* slicesOf(rows: DatasetRows['rows']): Iterable<string> {
  for (const { slices } of rows) for (const [kind, value] of Object.entries(slices)) yield `${kind}=${value}`
}

const hidden = '[secret]'

/** `redactJson` leaves names of members as they are. */
const withHiddenNames = (counts: Readonly<Record<string, number>>, hide: (text: string) => string) =>
  Object.fromEntries(Object.entries(counts).map(([label, count]) => [hide(label), count]))

function findingOf(
  { members, kind, severity, message, ...detail }: Found,
  masked: ReadonlySet<number>,
  rows: DatasetRows['rows'],
  hide: (text: string) => string,
): QualityFinding {
  const id = (row: number) => (masked.has(row) ? hidden : rows.at(row).id)
  const finding = {
    ...{ kind, key: hexOf(digestJson({ kind, ids: members.map(id), ...naming(detail) })).slice(0, 8), severity },
    ids: members.map(id),
    places: members.slice(0, mostPlaces).map((row) => ({
      ...{ id: id(row), path: masked.has(row) ? hidden : rows.at(row).path, position: rows.at(row).position },
    })),
    message,
    ...detail,
    ...('labels' in detail && { labels: withHiddenNames(detail.labels, hide) }),
  }
  return redactJson(finding, hide) as unknown as QualityFinding
}
