import type { CallContext } from '../../core/index.js'
import type { CheckpointOptions } from './checkpoints.js'

/** Whether it is time for a checkpoint: after so many steps, epochs or seconds, whichever comes first. */
export function checkpointClock(
  options: CheckpointOptions,
  stepsPerEpoch: number,
  { clock }: Pick<CallContext, 'clock'>,
  start: number,
) {
  const never = Number.POSITIVE_INFINITY
  const { everySteps = never, everyEpochs = never } = options
  const { everySeconds = everySteps === never && everyEpochs === never ? 300 : never } = options
  let last = { step: start, ms: clock.nowMs() }
  return {
    isDue(step: number): boolean {
      const now = { step, ms: clock.nowMs() }
      const isEpoch = step % (everyEpochs * stepsPerEpoch) === 0
      if (step - last.step < everySteps && !isEpoch && now.ms - last.ms < everySeconds * 1000) return false
      last = now
      return true
    },
  }
}
