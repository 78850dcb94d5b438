import type { Pipeline } from '../pipeline/index.js'
import { duration } from '../report/index.js'
import type { Terminal } from './command.js'

/** Prints the progress of a run on the error output: each stage, and training at every 10 %. */
export function showProgress(pipeline: Pipeline, { err }: Terminal): void {
  let tenth = -1
  pipeline.on('stage-start', ({ stage }) => {
    tenth = -1
    err(`${stage} …\n`)
  })
  pipeline.on('train-progress', ({ step, steps, loss, resumedFrom }) => {
    const now = Math.floor((10 * step) / Math.max(1, steps))
    if (now === tenth) return
    if (tenth === -1 && resumedFrom !== undefined) err(`  resumed from the checkpoint at step ${resumedFrom}\n`)
    tenth = now
    err(`  step ${step} of ${steps}, loss ${loss.toPrecision(3)}\n`)
  })
  pipeline.on('stage-end', ({ stage, cached, durationMs }) =>
    err(`${stage}: ${cached ? 'cached from an earlier run' : duration(durationMs)}\n`),
  )
}
