import { callContext, SheikhError } from '../../core/index.js'
import type { Evaluation } from '../../evaluation/index.js'
import { marginOf, type Rate, type SelfTest, selfTest } from '../../gate/index.js'
import { percent } from '../../report/texts/index.js'
import { type Arguments, type CommandResult, type Terminal, toJson } from '../command.js'
import { numberOption } from '../number-option.js'
import { progressLine, RateMeter } from '../progress-line.js'
import { open } from '../project.js'
import { readPair } from '../read-pair.js'

/** `sheikh gate test`: estimates the gate's error rates on the user's own evaluation. */
export async function testGate({ values, project }: Arguments, terminal: Terminal): Promise<CommandResult> {
  const files = values['candidate'] !== undefined || values['baseline'] !== undefined
  const pair: Judged = files ? await readPair(values, terminal) : await lastRun(project, terminal)
  const number = (name: string) => numberOption(values, name, 'gate')
  const onProgress = simulationProgress(terminal)
  const tested = await selfTest(
    {
      ...pair,
      margin: number('margin') ?? pair.margin,
      simulations: number('simulations'),
      onProgress,
    },
    callContext({ signal: terminal.signal }),
  )
  return { text: describe(tested), json: toJson(tested) }
}

/** Shows a bar on a terminal, else prints a line at every 10 %. */
function simulationProgress({ err, showStatus }: Terminal): (done: number, of: number) => void {
  const meter = new RateMeter()
  let tenth = -1
  return (done, total) => {
    meter.add(Date.now(), done)
    const progress = { name: 'gate test', done, total, unit: 'simulations', rate: meter.rate() }
    const now = Math.floor((10 * done) / total)
    if (showStatus !== undefined) showStatus(done === total ? undefined : (columns) => progressLine(progress, columns))
    else if (now !== tenth) err(`${10 * now} % of the simulations\n`)
    tenth = now
  }
}

interface Judged {
  readonly candidate: Evaluation
  readonly baseline: Evaluation
  readonly margin?: number | undefined
}

/** The newest run that compared its candidate with a release, and the margin of that comparison. */
async function lastRun(project: string, terminal: Terminal): Promise<Judged> {
  const pipeline = await (await open(project, terminal)).pipeline()
  const runs = await pipeline.runs({ limit: 200 })
  const run = runs.find(({ evaluations }) => evaluations?.candidate !== undefined && evaluations.baseline !== undefined)
  if (run === undefined)
    throw new SheikhError(
      'not-found',
      'Cannot test the gate: no run has compared a model with a release yet. Run "sheikh run" twice, or name two evaluation outputs with --baseline and --candidate.',
    )
  const { candidate, baseline } = await pipeline.evaluations(run.runId, { signal: terminal.signal })
  return {
    candidate,
    baseline: baseline!,
    margin: marginOf(run.verdict),
  }
}

function describe(tested: SelfTest): string {
  const { points, falseFail, falsePass, rare, items, groups, margin, simulations, discordance, metric, kind } = tested
  const value = (drop: number) => (kind === 'binary' ? `${Number((100 * drop).toFixed(2))} points` : String(drop))
  const cell = ({ rate }: Rate) => percent(rate).padStart(13)
  const over =
    items === groups
      ? `${items.toLocaleString('en')} independent items`
      : `${items.toLocaleString('en')} items in ${groups.toLocaleString('en')} groups`
  return [
    `${metric} on ${over}, ${percent(discordance)} of which differ between the models; margin ${value(margin)}; ${simulations.toLocaleString('en')} simulations per row:`,
    `A model of equal quality fails in ${rateText(falseFail)}; a model that is worse by the margin passes in ${rateText(falsePass)}.`,
    ...(rare === undefined
      ? []
      : [
          `If the change is concentrated in a few groups: a model of equal quality fails in ${rateText(rare.falseFail)}; a model that is worse by the margin passes in ${rateText(rare.falsePass)}.`,
        ]),
    '',
    `${'true loss'.padEnd(14)}${'passes'.padStart(13)}${'fails'.padStart(13)}${'inconclusive'.padStart(14)}`,
    ...points.map(
      ({ drop, pass, fail, inconclusive }) =>
        `${value(drop).padEnd(14)}${cell(pass)}${cell(fail)}${cell(inconclusive)}`,
    ),
  ].join('\n')
}

const rateText = ({ rate, lower, upper }: Rate) => `${percent(rate)} (${percent(lower)} to ${percent(upper)})`
