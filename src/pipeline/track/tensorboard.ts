import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { plainPath } from '../../core/index.js'
import type { RunEvent } from '../events.js'
import type { Pipeline } from '../pipeline.js'
import { fileVersionEvent, scalarsEvent } from './event-file.js'
import { evaluatedScalars, trainingOf } from './scalars.js'

export interface TensorBoardOptions {
  /** `tensorboard --logdir` of it shows every run; each has a folder of its own, by its id. */
  readonly directory: string
}

/**
 * Writes the training progress and metrics of a pipeline as TensorBoard event files. If writing fails, a warning is logged and
 * the run continues.
 *
 * @returns a function that stops tracking.
 */
export function trackByTensorBoard(
  pipeline: Pick<Pipeline<never, never>, 'on'>,
  { directory }: TensorBoardOptions,
): () => void {
  plainPath(directory, 'the directory for TensorBoard')
  const files = new Map<string, string>()
  let lastStep = 0
  // At once: short lines, a few hundred a training unless more are asked for, which are there when the process is killed.
  const append = ({ runId, atMs }: Pick<RunEvent, 'runId' | 'atMs'>, event: Buffer) => {
    let file = files.get(runId)
    if (file === undefined) {
      const folder = join(directory, runId)
      mkdirSync(folder, { recursive: true })
      file = join(folder, `events.out.tfevents.${Math.floor(atMs / 1000)}.sheikh`)
      appendFileSync(file, fileVersionEvent(atMs))
      files.set(runId, file)
    }
    appendFileSync(file, event)
  }
  const stops = [
    pipeline.on('train-progress', (event) => {
      lastStep = event.step
      append(
        event,
        scalarsEvent(event.atMs, event.step, [
          { tag: `${trainingOf(event)}/loss`, value: event.loss },
          { tag: `${trainingOf(event)}/learning_rate`, value: event.learningRate },
          { tag: `${trainingOf(event)}/epoch`, value: event.epoch },
        ]),
      )
    }),
    pipeline.on('gate-verdict', (event) => {
      const scalars = evaluatedScalars(event.verdict)
      if (scalars.length > 0) append(event, scalarsEvent(event.atMs, lastStep, scalars))
    }),
    pipeline.on('run-end', ({ runId }) => {
      files.delete(runId)
      lastStep = 0
    }),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}
