import type { RunEventOf } from './events.js'

interface Steps {
  readonly done: number
  readonly total: number
}

/** How far the trainings of a run are that have not ended: several if candidates are trained at once. */
export class RunningTrainings {
  readonly #steps = new Map<string, Steps>()

  /** @returns the steps of all, and how many trainings they belong to. */
  add({ candidate = '', step, steps }: RunEventOf<'train-progress'>): Steps & { readonly count: number } {
    this.#steps.set(candidate, { done: step, total: Math.max(1, steps) })
    const all = [...this.#steps.values()]
    const sum = (part: keyof Steps) => all.reduce((before, each) => before + each[part], 0)
    return { done: sum('done'), total: sum('total'), count: all.length }
  }

  /** A stage of this candidate has ended. */
  end({ candidate = '' }: { readonly candidate?: string | undefined }): void {
    this.#steps.delete(candidate)
  }
}
