import { type RunEvent, RunningTrainings } from '../pipeline/index.js'

/** What a run does now, from its events. */
export interface LiveRun {
  readonly stages: readonly LiveStage[]
  /** Of the current stage. Absent if the stage does not say. */
  readonly progress?: LiveProgress | undefined
  /** The newest warnings, at most 5. */
  readonly warnings: readonly string[]
  readonly lastEventAtMs?: number | undefined
}

export interface LiveStage {
  readonly name: string
  readonly state: 'running' | 'done' | 'cached'
  /** Until now if it is running. */
  readonly durationMs: number
}

export interface LiveProgress {
  /** Such as `training` or `predictions of 0.1.0`. */
  readonly of: string
  readonly done: number
  /** At least 1. */
  readonly total: number
  /** Such as `epoch 2 of 3, loss 0.412`. */
  readonly detail: string
}

const mostWarnings = 5

/** @param events all events of the run until now. */
export async function liveRun(events: AsyncIterable<RunEvent> | Iterable<RunEvent>, nowMs: number): Promise<LiveRun> {
  const stages = new Map<string, LiveStage>()
  const warnings: string[] = []
  const trainings = new RunningTrainings()
  let progress: LiveProgress | undefined
  let lastEventAtMs: number | undefined
  for await (const event of events) {
    lastEventAtMs = event.atMs
    switch (event.type) {
      case 'stage-start':
        stages.set(nameOf(event), {
          name: nameOf(event),
          state: 'running',
          durationMs: Math.max(0, nowMs - event.atMs),
        })
        progress = undefined
        break
      case 'stage-end': {
        const { cached, durationMs } = event
        const name = nameOf(event)
        trainings.end(event)
        stages.set(name, { name, state: cached ? 'cached' : 'done', durationMs })
        progress = undefined
        break
      }
      case 'train-progress': {
        const { epoch, epochs, loss } = event
        const { done, total, count } = trainings.add(event)
        const said = `epoch ${epoch} of ${epochs}, loss ${Number.isFinite(loss) ? loss.toPrecision(3) : 'unknown'}`
        progress = { of: 'training', done, total, detail: count === 1 ? said : `${count} candidates at once` }
        break
      }
      case 'evaluate-progress': {
        const { model, done, items } = event
        const of = `predictions of ${model === 'candidate' ? 'the candidate' : model}`
        progress = { of, done, total: Math.max(1, items), detail: `${done} of ${items} items` }
        break
      }
      case 'warning':
        warnings.push(event.message)
        if (warnings.length > mostWarnings) warnings.shift()
        break
    }
  }
  return {
    stages: [...stages.values()],
    progress,
    warnings,
    lastEventAtMs,
  }
}

/** With the candidate, if a run has several. */
const nameOf = ({ stage, candidate }: { readonly stage: string; readonly candidate?: string | undefined }) =>
  candidate === undefined ? stage : `${stage} (${candidate})`
