import type { DatasetSummary } from '../dataset/index.js'

/** How many rows there are, and on which side each stands; what is on none is not mentioned. */
export function countsText({ rows, training, evaluation, ...others }: DatasetSummary['counts']): string {
  const { excludedByGroup, development = 0, leftOut = 0 } = others
  return [
    `${rows} rows, ${training} to train on, ${evaluation} pinned`,
    ...(excludedByGroup > 0 ? [`${excludedByGroup} set aside`] : []),
    ...(development > 0 ? [`${development} kept apart for early stopping`] : []),
    ...(leftOut > 0 ? [`${leftOut} left out of training`] : []),
  ].join(', ')
}
