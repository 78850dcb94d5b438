import { has, type ItemRow, invalidRow, member, numbersIn, type ToolFormat, targetOf, textMember } from './rows.js'

/** Members of a sample that are not metrics, for versions that do not list `metrics`. */
const notMetrics = new Set([
  ...['doc_id', 'doc', 'target', 'arguments', 'resps', 'filtered_resps', 'filter', 'metrics'],
  ...['doc_hash', 'prompt_hash', 'target_hash', 'task', 'repeat'],
])

/** A sample of lm-evaluation-harness 0.4 (`samples_<task>_<date>.jsonl` of `--log_samples`). */
export const lmEval: ToolFormat = {
  isRow: (row) => has(row, 'doc_id') && (has(row, 'filtered_resps') || has(row, 'resps')),
  systems: 'filter',
  toItem(row, place): ItemRow {
    const id = member(row, 'doc_id')
    if (typeof id !== 'number' && typeof id !== 'string')
      throw invalidRow(place, 'it has no "doc_id"', 'Write it with lm_eval --log_samples')
    const listed = member(row, 'metrics')
    const names = Array.isArray(listed)
      ? listed.filter((name) => typeof name === 'string')
      : Object.keys(row).filter((name) => !notMetrics.has(name))
    const scores = numbersIn(names.map((name) => [name, member(row, name)]))
    const system = textMember(row, 'filter')
    // A changed document under the same number has another hash, so that it is another item.
    const hash = textMember(row, 'doc_hash')
    return {
      item: String(id),
      scores,
      expects: Object.keys(scores),
      outcome: 'ok',
      target: targetOf([hash ?? null, member(row, 'target') ?? null], place),
      ...(system !== undefined && { system }),
    }
  },
}
