/** How the learning rate goes on after the warm-up: `linear` falls to 0, `cosine` falls to 0 along half a wave. */
export type Schedule = 'linear' | 'cosine' | 'constant'

export const schedules: readonly Schedule[] = ['linear', 'cosine', 'constant']

/**
 * The rate of a step, as `transformers` has it (`get_scheduler`): in the warm-up the share of its steps that are behind,
 * so that the very first has 0; then by the share of the others.
 *
 * @param step from 1. @param warmupRatio the share of all steps, 0 to 1, rounded up.
 */
export function learningRateAt(
  step: number,
  steps: number,
  {
    learningRate,
    schedule = 'linear',
    warmupRatio = 0,
  }: {
    readonly learningRate: number
    readonly schedule?: Schedule | undefined
    readonly warmupRatio?: number | undefined
  },
): number {
  const behind = step - 1
  const warmup = Math.ceil(steps * warmupRatio)
  if (behind < warmup) return learningRate * (behind / warmup)
  const share = (behind - warmup) / Math.max(1, steps - warmup)
  if (schedule === 'constant') return learningRate
  return learningRate * (schedule === 'linear' ? 1 - share : 0.5 * (1 + Math.cos(Math.PI * share)))
}
