import { join } from 'node:path'
import { type CallContext, SheikhError } from '../core/index.js'
import {
  formatQuarantine,
  pinnedFile,
  type QualityFinding,
  type QualityKind,
  type QuarantinedSample,
  qualityKinds,
  quarantineFile,
} from '../dataset/index.js'
import { writeFileAtomic } from '../store/index.js'
import { projectQuality } from './data-quality.js'
import { evaluationPath, quarantinePath } from './layout.js'
import type { OpenedProject } from './opened-project.js'

export interface QuarantineOptions {
  /** Keys of findings, as `checkData` gives them, or ids of samples. @default none */
  readonly names?: readonly string[] | undefined
  /** Also all findings of this kind. @default none */
  readonly kind?: string | undefined
  /** Why. @default the message of the finding */
  readonly reason?: string | undefined
  /** Who decides. @default Git's author */
  readonly by?: string | undefined
  /** Removes samples from the quarantine: `names` are ids, and `kind` is the kind of the finding. @default false */
  readonly undo?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Quarantined {
  readonly path: string
  /** Ids, sorted. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Ids that stay, because the evaluation set pins them. */
  readonly kept: readonly string[]
  /** Number of samples that the file lists now. */
  readonly excluded: number
}

/** Findings about the dataset, and not about samples that could be excluded. */
const withoutSamples: ReadonlySet<QualityKind> = new Set(['balance', 'drift'])

/**
 * Excludes the samples of findings from the dataset, or uses them again; a person commits the file. Of duplicates, the first one
 * stays.
 *
 * @throws `invalid-options` without a name or kind, or for an unknown kind; `not-found` for an unknown name.
 */
export async function quarantineSamples(
  project: OpenedProject,
  { names = [], kind, reason, by: author, undo = false }: Omit<QuarantineOptions, 'signal'>,
  context: CallContext,
): Promise<Quarantined> {
  if (names.length === 0 && kind === undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot quarantine: no sample is named. Give the keys of findings, ids of samples, or a kind: sheikh data quarantine --kind leakage',
    )
  if (kind !== undefined && !undo && !(qualityKinds as readonly string[]).includes(kind))
    throw new SheikhError(
      'invalid-options',
      `Cannot quarantine: there is no kind "${kind}". Known: ${qualityKinds.join(', ')}.`,
    )
  const { root } = project
  const file = quarantineFile(join(root, quarantinePath))
  const before = await file.read(context)
  if (undo) {
    const named = new Set(names)
    const removed = new Set(before.flatMap(({ id, kind: of }) => (of === kind || named.has(id) ? [id] : [])))
    const unknown = names.find((name) => !removed.has(name))
    if (unknown !== undefined) throw notFound(unknown, 'the quarantine does not list it')
    return write(
      root,
      before,
      before.filter(({ id }) => !removed.has(id)),
      { added: [], removed: [...removed].sort(), kept: [] },
    )
  }
  const composition = await project.compose()
  const { rows } = await composition.dataset.contents(context)
  const digests = new Map(rows.map(({ id, sampleDigest }) => [id, sampleDigest]))
  const { findings } = await projectQuality(project, composition, context)
  const by = author ?? (await project.author())
  const chosen = new Map<string, { readonly kind: string; readonly reason: string }>()
  const choose = (finding: QualityFinding, ids = samplesOf(finding)) => {
    for (const id of ids) if (!chosen.has(id)) chosen.set(id, { kind: finding.kind, reason: reason ?? finding.message })
  }
  for (const finding of findings) if (finding.kind === kind && !withoutSamples.has(finding.kind)) choose(finding)
  for (const name of names) {
    const finding = findings.find(({ key }) => key === name)
    const about = findings.find(({ ids }) => ids.includes(name))
    if (finding !== undefined && withoutSamples.has(finding.kind))
      throw new SheikhError(
        'invalid-options',
        `Cannot quarantine the finding ${name}: "${finding.kind}" is about the dataset as a whole. Name ids of samples.`,
      )
    if (finding !== undefined) choose(finding)
    else if (about !== undefined) choose(about, [name])
    else if (digests.has(name)) chosen.set(name, { kind: 'chosen', reason: reason ?? 'Chosen by a person.' })
    else throw notFound(name, 'it is neither the key of a finding nor the id of a sample')
  }
  const pinned = new Set(
    ((await pinnedFile(join(root, evaluationPath)).read(context))?.items ?? []).map(({ id }) => id),
  )
  if ([...chosen.keys()].some((id) => !digests.has(id)))
    throw new SheikhError(
      'invalid-options',
      'Cannot quarantine a sample whose id or path contains what looks like a secret: the list would contain it too. Revoke the secret, and rename or remove the sample.',
    )
  const kept = [...chosen.keys()].filter((id) => pinned.has(id)).sort()
  const added = [...chosen].flatMap(([id, why]): readonly QuarantinedSample[] => {
    return pinned.has(id) ? [] : [{ id, digest: digests.get(id)!, ...why, ...(by !== undefined && { by }) }]
  })
  return write(root, before, [...before, ...added], { added: added.map(({ id }) => id).sort(), removed: [], kept })
}

/** One of equal samples stays. */
const samplesOf = ({ kind, ids }: QualityFinding) => (kind === 'duplicate' ? ids.slice(1) : ids)

async function write(
  root: string,
  before: readonly QuarantinedSample[],
  after: readonly QuarantinedSample[],
  changed: Pick<Quarantined, 'added' | 'removed' | 'kept'>,
): Promise<Quarantined> {
  if (after.length !== before.length) await writeFileAtomic(join(root, quarantinePath), formatQuarantine(after))
  return { path: quarantinePath, ...changed, excluded: after.length }
}

const notFound = (name: string, fact: string) =>
  new SheikhError(
    'not-found',
    `Cannot quarantine ${JSON.stringify(name)}: ${fact}. For all findings: sheikh data check`,
  )
