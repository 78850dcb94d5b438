import type { Row } from '../model/index.js'
import type { DatasetSummary } from './dataset-types.js'
import { groupsInIds } from './groups-in-ids.js'
import { similarTexts } from './similar-texts.js'
import { textOf } from './text-index.js'

type Warning = DatasetSummary['warnings'][number]

/** Fewer groups of similar texts are just a few copies. */
const fewestGroups = 5

/**
 * Warns if ids or texts of rows suggest groups that are not declared. If items are not independent, a gate decides with
 * too much certainty.
 *
 * @param rows sorted by id.
 */
export function undeclaredGroups(
  rows: readonly Pick<Row<unknown, unknown>, 'id' | 'input' | 'group'>[],
): readonly Warning[] {
  if (rows.some(({ group }) => group !== undefined)) return []
  const ids = rows.map(({ id }) => id)
  const byId = groupsInIds(ids)
  const alike = similarTexts(rows.map(({ input }) => textOf(input)))
  const warnings: Warning[] = []
  if (byId !== undefined) {
    const [first = '', second = ''] = ids.filter((id) => id.startsWith(byId.example))
    warnings.push(
      warning(`the ids have ${count(byId.prefixes)} prefixes with several items each, such as`, [first, second]),
    )
  }
  if (alike !== undefined && alike.groups >= fewestGroups && 2 * alike.texts >= ids.length) {
    const [first, second] = alike.example
    const what = `${count(alike.texts)} of ${count(ids.length)} items are nearly equal to another item, in ${count(alike.groups)} groups, such as`
    warnings.push(warning(what, [ids[first]!, ids[second]!]))
  }
  return warnings
}

const warning = (fact: string, ids: readonly [string, string]): Warning => ({
  code: 'undeclared-groups',
  message: `The items suggest groups that are not declared: ${fact} ${ids.map((id) => JSON.stringify(id)).join(' and ')}. If such items belong together, name the field that they share as projection.group in dataset/config.yaml ("group:"; in code, the option "group"): otherwise the gate treats them as independent, and passes or fails models by chance more often than it reports.`,
  ids,
})

const count = (number: number) => number.toLocaleString('en')
