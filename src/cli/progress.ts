import { type Pipeline, type RunEvent, RunningTrainings } from '../pipeline/index.js'
import { duration } from '../report/texts/index.js'
import type { FileTransfer } from '../repository/index.js'
import type { Terminal } from './command.js'
import { progressLine, RateMeter } from './progress-line.js'
import { styled } from './styled-text.js'

type EventSource = Pick<Pipeline, 'on'>

/** Shows the progress of work that reports its events to a function. */
export function showEvents(terminal: Terminal): (event: RunEvent) => void {
  const listeners = new Map<string, ((event: never) => void)[]>()
  const on: EventSource['on'] = (type, listener) => {
    listeners.set(type, [...(listeners.get(type) ?? []), listener])
    return () => {}
  }
  showProgress({ on }, terminal)
  return (event) => {
    for (const listener of listeners.get(event.type) ?? []) listener(event as never)
  }
}

/** Shows the progress of a run on the error output: a line that is redrawn on a terminal, else lines. */
export function showProgress(pipeline: EventSource, terminal: Terminal): void {
  if (terminal.showStatus === undefined) printProgress(pipeline, terminal)
  else drawProgress(pipeline, terminal, terminal.showStatus)
  pipeline.on('stage-end', ({ cached, durationMs, ...named }) =>
    terminal.err([
      styled('faint', `${nameOf(named)}: `),
      `${cached ? 'cached from an earlier run' : duration(durationMs)}\n`,
    ]),
  )
}

/** Shows the name and the time of work that reports no progress, on a terminal only, until the command ends. */
export function showWork({ showStatus }: Terminal, name: string): void {
  const startedAtMs = Date.now()
  showStatus?.((columns) => workLine(name, startedAtMs, columns))
}

/** The same for work of a pipeline that publishes a release: also the steps that are done. */
export function showPublishing(pipeline: Pipeline, { showStatus }: Terminal, name: string): void {
  const startedAtMs = Date.now()
  const show = (detail?: string) => showStatus?.((columns) => workLine(name, startedAtMs, columns, detail))
  show()
  pipeline.on('release-prepared', ({ version }) => show(`prepared ${version}`))
  pipeline.on('release-published', ({ version }) => show(`published ${version}`))
}

const workLine = (name: string, startedAtMs: number, columns: number, detail?: string) =>
  `${name} …  ${duration(Date.now() - startedAtMs)}${detail === undefined ? '' : `  ${detail}`}`.slice(0, columns)

/** Shows how much of a file is transferred, on a terminal only. Absent, so that nothing is counted, without one. */
export function transferProgress({ showStatus }: Terminal): ((transfer: FileTransfer) => void) | undefined {
  if (showStatus === undefined) return undefined
  let [file, meter] = ['', new RateMeter()]
  return ({ direction, path, progress }) => {
    const name = `${direction} ${path}`
    if (name !== file) [file, meter] = [name, new RateMeter()]
    meter.add(Date.now(), progress)
    const rate = meter.rate()
    showStatus((columns) => progressLine({ name, done: progress, total: 1, rate }, columns))
  }
}

/** Each stage, and training at every 10 %. */
function printProgress(pipeline: EventSource, { err }: Terminal): void {
  // By candidate: several may be trained at once.
  const tenths = new Map<string, number>()
  let inStage: string | undefined
  pipeline.on('stage-start', (named) => {
    inStage = named.candidate
    if (named.candidate === undefined) tenths.clear()
    err(`${nameOf(named)} …\n`)
  })
  pipeline.on('train-progress', ({ step, steps, loss, resumedFrom, candidate = '' }) => {
    const now = Math.floor((10 * step) / Math.max(1, steps))
    const before = tenths.get(candidate)
    if (now === before) return
    const whose = candidate === (inStage ?? '') ? '' : `${candidate}: `
    if (before === undefined && resumedFrom !== undefined) err(`  ${whose}${resumedText(resumedFrom)}\n`)
    tenths.set(candidate, now)
    err(`  ${whose}step ${step} of ${steps}, loss ${loss.toPrecision(3)}\n`)
  })
}

function drawProgress(pipeline: EventSource, { err }: Terminal, show: NonNullable<Terminal['showStatus']>): void {
  let [meter, startedAtMs, current, isFirst] = [new RateMeter(), 0, '', true]
  /** Shows the time of a stage that reports no numbers. */
  const work = (detail?: string) => {
    const [name, since] = [current, startedAtMs]
    show((columns) => workLine(name, since, columns, detail))
  }
  pipeline.on('stage-start', ({ atMs, ...named }) => {
    ;[meter, startedAtMs, current, isFirst] = [new RateMeter(), atMs, nameOf(named), true]
    work()
  })
  const trainings = new RunningTrainings()
  pipeline.on('train-progress', (event) => {
    const { loss, resumedFrom, atMs } = event
    if (isFirst && resumedFrom !== undefined) err(`${resumedText(resumedFrom)}\n`)
    isFirst = false
    const { done, total, count } = trainings.add(event)
    meter.add(atMs, done)
    const progress = { name: current, done, total, unit: 'steps', rate: meter.rate() }
    const detail = count === 1 ? `loss ${loss.toPrecision(3)}` : `${count} candidates at once`
    show((columns) => progressLine({ ...progress, detail }, columns))
  })
  pipeline.on('stage-end', (event) => trainings.end(event))
  let evaluated = { model: '', meter: new RateMeter() }
  pipeline.on('evaluate-progress', ({ model, done, items: total, atMs }) => {
    if (model !== evaluated.model) evaluated = { model, meter: new RateMeter() }
    evaluated.meter.add(atMs, done)
    const progress = { name: `${current} ${model}`, done, total, unit: 'items', rate: evaluated.meter.rate() }
    show((columns) => progressLine(progress, columns))
  })
  pipeline.on('release-prepared', ({ version }) => work(`prepared ${version}`))
  pipeline.on('release-published', ({ version }) => work(`published ${version}`))
  pipeline.on('stage-end', () => show(undefined))
  pipeline.on('run-end', () => show(undefined))
}

/** With the candidate, if a run has several. */
const nameOf = ({ stage, candidate }: { readonly stage: string; readonly candidate?: string | undefined }) =>
  candidate === undefined ? stage : `${stage} ${candidate}`

const resumedText = (step: number) => `resumed from the checkpoint at step ${step}`
