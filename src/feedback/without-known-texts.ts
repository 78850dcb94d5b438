import type { CallContext } from '../core/index.js'
import { type DatasetContents, type RowIdentity, TextIndex } from '../dataset/index.js'
import type { LeftOutReason } from './batch.js'
import type { MadeSample } from './make-samples.js'
import type { Candidate } from './weigh.js'

type Made = Extract<MadeSample, { readonly problem?: undefined }>
type Leave = (candidate: Candidate, reason: LeftOutReason, detail: string) => void

/** Enough rows to tell what most rows contain. */
const rowsForFrame = 1_000

/**
 * Leaves out samples that are equal or similar to a row, or to a sample before them. Reads the dataset once, and keeps only the
 * samples in memory.
 */
export async function withoutKnownTexts(
  samples: readonly Made[],
  { contents, heldOut }: { readonly contents: DatasetContents; readonly heldOut: readonly RowIdentity[] },
  leave: Leave,
  context: CallContext,
): Promise<readonly Made[]> {
  const judged = new Set(heldOut.map(({ id }) => id))
  const groups = new Set(heldOut.flatMap(({ group }) => (group === undefined ? [] : [group])))
  const rows = contents.whole()
  const firstInputs: unknown[] = []
  for await (const { input } of rows) {
    firstInputs.push(input)
    if (firstInputs.length === rowsForFrame) break
  }
  const index = new TextIndex(firstInputs)
  for (const [at, { row }] of samples.entries()) index.add(String(at), row.input)
  const likeJudged = new Map<string, string>()
  const likeOthers = new Map<string, string>()
  for await (const { id, input } of rows) {
    context.signal.throwIfAborted()
    const found = judged.has(id) ? likeJudged : likeOthers
    for (const at of index.find(input)) if (!found.has(at)) found.set(at, id)
  }
  const fresh = samples.filter(({ candidate, row }, at) => {
    const [pinned, other] = [likeJudged.get(String(at)), likeOthers.get(String(at))]
    if (pinned !== undefined) leave(candidate, 'evaluation', `similar to ${quoted(pinned)}, which models are judged on`)
    else if (row.group !== undefined && groups.has(row.group))
      leave(candidate, 'evaluation', 'of the group of a row that models are judged on')
    else if (other !== undefined) leave(candidate, 'duplicate', `similar to ${quoted(other)} of the dataset`)
    else return true
    return false
  })
  return withoutCopies(fresh, new TextIndex(firstInputs), leave)
}

/** Of similar samples the first one stays; none stays if their targets differ. */
function withoutCopies(samples: readonly Made[], index: TextIndex, leave: Leave): readonly Made[] {
  const kept = new Map<string, Made>()
  const contradicted = new Set<string>()
  for (const made of samples) {
    const { candidate, row, id } = made
    const twins = [...index.find(row.input)]
    const other = twins.find((twin) => JSON.stringify(kept.get(twin)!.row.target) !== JSON.stringify(row.target))
    if (other !== undefined) {
      for (const twin of twins) contradicted.add(twin)
      leave(candidate, 'conflict', `similar to ${quoted(other)} of the batch, with another target`)
    } else if (twins[0] !== undefined) leave(candidate, 'duplicate', `similar to ${quoted(twins[0])} of the batch`)
    else {
      kept.set(id, made)
      index.add(id, row.input)
    }
  }
  return [...kept].flatMap(([id, made]) => {
    if (!contradicted.has(id)) return [made]
    leave(made.candidate, 'conflict', 'similar to another sample of the batch, with another target')
    return []
  })
}

const quoted = (id: string) => JSON.stringify(id)
