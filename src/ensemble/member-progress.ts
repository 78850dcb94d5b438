import type { TrainProgress } from '../trainer/index.js'

/** The progress of members that are trained one after the other or at once, as that of one training. */
export interface MemberProgress {
  readonly of: (index: number) => (now: TrainProgress) => void
  /** The member is trained. `kept`: before this training began. */
  readonly end: (index: number, kept: boolean) => void
}

/**
 * Adds up steps and epochs. The loss and the learning rate are those of the member that reports. How long a member trains is known
 * when it reports. Guess before: as long as the mean of the others.
 */
export function memberProgress(count: number, report: (progress: TrainProgress) => void): MemberProgress {
  const latest: (TrainProgress | undefined)[] = new Array(count).fill(undefined)
  const ended = new Map<number, { readonly kept: boolean }>()

  function total(now: TrainProgress): TrainProgress {
    const known = latest.filter((progress) => progress !== undefined)
    const add = (one: 'epoch' | 'step', all: 'epochs' | 'steps') => {
      const guess = Math.round(known.reduce((sum, progress) => sum + progress[all], 0) / known.length)
      let [done, of, before] = [0, 0, 0]
      for (const [index, progress] of latest.entries()) {
        const length = progress?.[all] ?? guess
        of += length
        done += ended.has(index) ? length : (progress?.[one] ?? 0)
        before += ended.get(index)?.kept ? length : (progress?.resumedFrom ?? 0)
      }
      return { done, of, before }
    }
    const [epochs, steps] = [add('epoch', 'epochs'), add('step', 'steps')]
    const { resumedFrom: _, ...rest } = now
    return {
      ...rest,
      ...{ epoch: epochs.done, epochs: epochs.of, step: steps.done, steps: steps.of },
      ...(steps.before > 0 && { resumedFrom: steps.before }),
    }
  }

  return {
    of: (index) => (now) => {
      latest[index] = now
      report(total(now))
    },
    end: (index, kept) => void ended.set(index, { kept }),
  }
}
