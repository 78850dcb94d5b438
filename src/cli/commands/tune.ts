import type { TunedProject } from '../../repository/index.js'
import type { Point, Trial, TuneEvent } from '../../tune/index.js'
import { type Command, type Terminal, toJson } from '../command.js'
import { progressLine, RateMeter } from '../progress-line.js'
import { open } from '../project.js'
import { countIn, queueHelp, queueOptions, textIn, usageOf, workersIn } from '../queue-options.js'
import { readJournal } from '../read-journal.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

const shown = 5

export const tuneCommand: Command = {
  name: 'tune',
  usage: '',
  summary: 'Search for the best training settings, as mlops/tuning.yaml lists them',
  options: {
    trials: { type: 'string' },
    name: { type: 'string' },
    workers: { type: 'string' },
    earlier: { type: 'string' },
    from: { type: 'string' },
    write: { type: 'boolean' },
    ...queueOptions,
  },
  optionHelp: {
    trials: 'Number of trials, earlier ones of the study included (default: tuning.trials, 40)',
    name: 'Name of the study, which continues after an interruption (default: tuning.name, study)',
    workers: 'Number of trials at once, each in its own process (default: tuning.workers, tuning.parallel)',
    earlier: 'Learn from this earlier study of the project, or of the file of --from',
    from: 'Learn from the study in this journal of Optuna',
    write: 'Write the best values into mlops/training/config.yaml',
    ...queueHelp,
  },
  examples: ['sheikh tune --trials 100 --write', 'sheikh tune --redis redis://queue.example:6379'],
  positionals: [0, 0],
  async run({ project, json, values }, terminal) {
    const trials = countIn(values, 'trials', usage)
    const workers = workersIn(values, usage)
    const repository = await open(project, terminal)
    const name = textIn(values, 'earlier')
    const from = textIn(values, 'from')
    const earlier =
      from !== undefined
        ? await readJournal(from, name, terminal)
        : name === undefined
          ? undefined
          : await repository.study(name)
    const result = await repository.tune({
      ...(trials !== undefined && { trials }),
      ...workers,
      name: textIn(values, 'name'),
      ...(earlier !== undefined && { earlier }),
      write: values['write'] === true,
      signal: terminal.signal,
      ...(!json && { onEvent: eventsTo(terminal) }),
    })
    return { text: textOf(result), json: toJson(result) }
  },
}

const usage = usageOf('tune', 'search')

/** A line per finished trial, and on a terminal how far the newest training is. */
function eventsTo(terminal: Terminal): (event: TuneEvent) => void {
  // By trial. Every rung begins at the first step.
  const meters = new Map<number, RateMeter>()
  return (event) => {
    if (event.type === 'trial-start' || event.type === 'trial-rung') meters.set(event.number, new RateMeter())
    if (event.type === 'trial-end') {
      meters.delete(event.trial.number)
      terminal.err([...trialText(event.trial, event.best), '\n'])
    }
    if (event.type !== 'trial-progress' || terminal.showStatus === undefined) return
    const { number, step, steps, loss } = event
    const meter = meters.get(number)
    meter?.add(Date.now(), step)
    const rate = meter?.rate()
    const progress = {
      name: `trial ${number}`,
      done: step,
      total: steps,
      unit: 'steps',
      rate,
      detail: `loss ${loss.toPrecision(3)}`,
    }
    terminal.showStatus((columns) => progressLine(progress, columns))
  }
}

function trialText(trial: Trial, best?: number): Text[] {
  const { number, parameters, duplicateOf } = trial
  const name = styled('faint', `trial ${number}: `)
  const same = duplicateOf === undefined ? '' : `  as trial ${duplicateOf}`
  if (trial.state === 'failed') return [name, styled('bad', 'failed'), `  ${trial.reason}${same}`]
  const mark = trial.state === 'pruned' ? '  ended early' : number === best ? '  best so far' : ''
  return [name, `${trial.value.toFixed(4)}  ${settingsText(parameters)}${mark}${same}`]
}

function settingsText(settings: Point): string {
  const value = (found: Point[string]) =>
    typeof found === 'number' && !Number.isInteger(found) ? found.toPrecision(4) : String(found)
  return Object.entries(settings)
    .map(([name, found]) => `${name} ${value(found)}`)
    .join(', ')
}

function textOf({ metric, trials, best, estimate, importance, settings, written }: TunedProject): Text {
  const count = (state: Trial['state']) => trials.filter((trial) => trial.state === state).length
  const [pruned, failed] = [count('pruned'), count('failed')]
  const others = [...(pruned > 0 ? [`${pruned} ended early`] : []), ...(failed > 0 ? [`${failed} failed`] : [])]
  const heading = `${trials.length} trials${others.length === 0 ? '' : ` (${others.join(', ')})`}.`
  const expected =
    estimate === undefined
      ? []
      : [
          `Expected on new data: ${estimate.value.toFixed(4)} (95 % interval ${estimate.interval.map((end) => end.toFixed(4)).join(' to ')}), because the best of many trials is also lucky.`,
        ]
  const shares = Object.entries(importance ?? {})
    .sort(([, one], [, other]) => other - one)
    .slice(0, shown)
  const next =
    written === undefined
      ? 'To write them into mlops/training/config.yaml: sheikh tune --write'
      : `Wrote them into ${written}. Commit the file, then: sheikh run`
  return joinTexts([
    heading,
    [styled('good', `Best: ${metric} ${best.value.toFixed(4)}`), `, trial ${best.number}`],
    ...Object.entries(settings).map(([name, value]) => `  ${name}: ${String(value)}`),
    ...expected,
    ...(shares.length === 0
      ? []
      : [`What matters: ${shares.map(([name, share]) => `${name} ${Math.round(100 * share)} %`).join(', ')}`]),
    next,
  ])
}
