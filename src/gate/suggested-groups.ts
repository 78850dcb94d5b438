import { type GroupsInIds, groupsInIds } from '../dataset/index.js'
import type { Evaluation } from '../evaluation/index.js'
import { isUngrouped } from './paired-groups.js'

/** The groups that the ids of an evaluation suggest; `undefined` if groups are declared or the ids suggest none. */
export function suggestedGroups(evaluation: Evaluation): GroupsInIds | undefined {
  return isUngrouped(evaluation) ? groupsInIds(evaluation.ids) : undefined
}
