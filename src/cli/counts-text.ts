import type { DatasetSummary } from '../dataset/index.js'

/** The number of rows in total and per part of the dataset. Empty optional parts are omitted. */
export function countsText({ rows, training, evaluation, ...others }: DatasetSummary['counts']): string {
  const { excludedByGroup, development = 0, leftOut = 0 } = others
  return [
    `${rows} rows, ${training} for training, ${evaluation} pinned`,
    ...(excludedByGroup > 0 ? [`${excludedByGroup} excluded because their group is pinned`] : []),
    ...(development > 0 ? [`${development} for early stopping`] : []),
    ...(leftOut > 0 ? [`${leftOut} not used for training`] : []),
  ].join(', ')
}
