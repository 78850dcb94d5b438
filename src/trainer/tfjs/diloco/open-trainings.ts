import type { Digest, JsonObject } from '../../../core/index.js'
import type { Training } from '../training.js'
import type { Values } from './outer-step.js'

/** A training that has its examples, and what its last round read. */
export interface OpenTraining {
  readonly training: Training<unknown>
  readonly config: JsonObject
  weights?: { readonly digest: Digest; readonly values: Values } | undefined
}

export interface OpenTrainings {
  /**
   * Works with an idle training of the key, or a new one. A training whose work fails is closed.
   *
   * @param most how many trainings may be idle.
   */
  use<R>(
    key: string,
    most: number,
    open: () => Promise<OpenTraining>,
    work: (opened: OpenTraining) => Promise<R>,
  ): Promise<R>
  close(): Promise<void>
}

/** How long an idle training keeps its memory. */
const idleMs = 60_000

/**
 * Keeps trainings between the rounds of one distributed training, so that a worker reads the examples and builds the model once.
 * Trainings of other keys are closed first, so a worker needs the memory of one training for each job that it does at once.
 */
export function openTrainings(): OpenTrainings {
  const idle: { readonly key: string; readonly opened: OpenTraining }[] = []
  let timer: NodeJS.Timeout | undefined

  const close = async (opened: OpenTraining) => opened.training[Symbol.asyncDispose]()
  async function closeIdle(): Promise<void> {
    clearTimeout(timer)
    await Promise.all(idle.splice(0).map(({ opened }) => close(opened)))
  }

  return {
    async use(key, most, open, work) {
      clearTimeout(timer)
      const place = idle.findIndex((one) => one.key === key)
      const [found] = place === -1 ? [] : idle.splice(place, 1)
      if (found === undefined) await closeIdle()
      const opened = found?.opened ?? (await open())
      let result: Awaited<ReturnType<typeof work>>
      try {
        result = await work(opened)
      } catch (error) {
        // The first error says more.
        await close(opened).catch(() => undefined)
        throw error
      }
      if (idle.length >= most) await close(opened)
      else idle.push({ key, opened })
      clearTimeout(timer)
      timer = setTimeout(() => void closeIdle().catch(() => undefined), idleMs).unref()
      return result
    },
    close: closeIdle,
  }
}
