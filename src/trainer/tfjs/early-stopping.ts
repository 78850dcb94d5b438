import type { EarlyStopping } from './tfjs-model.js'

/** The lowest development loss so far. */
export interface Lowest {
  readonly step: number
  readonly loss: number
}

/** @param curve `[step, loss]` of all looks; the last one is judged. */
export function judgeLook(
  curve: readonly (readonly [step: number, loss: number])[],
  before: Lowest | undefined,
  { patience, minimumImprovement = 0 }: EarlyStopping,
): { readonly lowest: Lowest; readonly isLower: boolean; readonly isOver: boolean } {
  const [step, loss] = curve.at(-1)!
  const isLower = before === undefined || loss < before.loss - minimumImprovement
  const lowest = isLower ? { step, loss } : before
  const since = curve.filter(([looked]) => looked > lowest.step).length
  return { lowest, isLower, isOver: since >= patience }
}
