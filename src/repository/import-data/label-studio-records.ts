import { canonicalJson, type Json, type JsonObject } from '../../core/index.js'
import { labelStudioAnswers } from '../../feedback/index.js'
import { counted } from './columns.js'
import type { LeftOutRecord, SourceRecord, SourceRecords } from './plan.js'

/**
 * One record per task of a Label Studio export: its `data`, with the answer that more than half of its annotators gave. Cancelled
 * annotations do not count.
 */
export function labelStudioRecords(tasks: readonly SourceRecord[]): SourceRecords {
  const records: SourceRecord[] = []
  const leftOut: { reason: LeftOutRecord; place: string }[] = []
  let outvoted = 0
  const target = tasks.some(({ value }) => Object.hasOwn(value['data'] as JsonObject, 'label')) ? 'annotation' : 'label'
  for (const { value: task, place } of tasks) {
    const found = majorityOf(labelStudioAnswers(task))
    if ('reason' in found) {
      leftOut.push({ reason: found.reason, place })
      continue
    }
    if (found.isDisputed) outvoted += 1
    const { prediction: _prediction, ...data } = task['data'] as JsonObject
    const id = data['id'] ?? task['id']
    records.push({ place, value: { ...(id !== undefined && { id: String(id) }), ...data, [target]: found.target } })
  }
  return {
    ...{ format: 'label-studio', records, leftOut, known: { target } },
    notes:
      outvoted === 0
        ? []
        : [
            `In ${counted(outvoted, 'task')} the annotators disagree. The label is the answer of more than half of them.`,
          ],
  }
}

type Answers = ReturnType<typeof labelStudioAnswers>

function majorityOf(
  answers: Answers,
): { readonly target: Json; readonly isDisputed: boolean } | { readonly reason: LeftOutRecord } {
  const votes = new Map<string, { readonly target: Json; count: number }>()
  let given = 0
  for (const answer of answers) {
    if ('skipped' in answer) continue
    given += 1
    const key = canonicalJson(answer.target)
    const vote = votes.get(key)
    if (vote === undefined) votes.set(key, { target: answer.target, count: 1 })
    else vote.count += 1
  }
  if (given === 0) return { reason: whyNone(answers) }
  const winner = [...votes.values()].find(({ count }) => 2 * count > given)
  return winner === undefined
    ? { reason: 'annotators-disagree' }
    : { target: winner.target, isDisputed: votes.size > 1 }
}

function whyNone(answers: Answers): LeftOutRecord {
  const reasons = answers.flatMap((answer) => ('skipped' in answer ? [answer.skipped] : []))
  if (reasons.includes('not-one-answer')) return 'not-one-answer'
  if (reasons.includes('without-value')) return 'without-value'
  return reasons.length > 0 ? 'cancelled' : 'no-target'
}
