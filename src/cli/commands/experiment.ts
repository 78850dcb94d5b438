import { SheikhError } from '../../core/index.js'
import { type ExperimentState, experimentsOf, stopExperiment } from '../../experiment/index.js'
import { moment } from '../../report/index.js'
import { type Command, type CommandResult, toJson } from '../command.js'
import { usageError } from '../command-table.js'
import { open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const experiment: Command = {
  name: 'experiment',
  usage: 'status [<name>] | stop <name> --reason <why>',
  summary: 'Show the live tests of the ledger, or stop one: everybody gets the control',
  options: { reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    reason: 'stop: why; recorded in the ledger',
    by: 'stop: who decides; recorded in the ledger (default: user.name and user.email of Git)',
  },
  actions: ['status', 'stop'],
  examples: ['sheikh experiment status', 'sheikh experiment stop mail-0.2.0 --reason "the metric is wrong"'],
  positionals: [1, 2],
  async run({ project, positionals, values }, terminal): Promise<CommandResult> {
    const [action, name] = positionals
    if (action !== 'status' && action !== 'stop')
      throw usageError(`Cannot run "sheikh experiment ${action}": the action must be status or stop.`, help)
    if (action === 'stop' && name === undefined) throw usageError('Cannot stop a live test: no name was given.', help)
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    if (action === 'stop') {
      const by = await whoDecides(repository, values['by'], 'stop the live test')
      const stopped = await stopExperiment(pipeline, name!, { by, reason: String(values['reason'] ?? '') })
      return { text: lineOf(stopped), json: toJson(stopped) }
    }
    const all = experimentsOf(await pipeline.ledger({ signal: terminal.signal }))
    const experiments = all.filter((each) => name === undefined || each.name === name)
    if (name !== undefined && experiments.length === 0)
      throw new SheikhError(
        'not-found',
        `There is no live test ${JSON.stringify(name)} in the ledger. List all: sheikh experiment status`,
      )
    const text = experiments.length === 0 ? 'There is no live test.' : experiments.map(lineOf).join('\n')
    return { text, json: toJson({ experiments }) }
  },
}

const help = 'sheikh experiment --help'

function lineOf({
  name,
  control,
  treatment,
  status,
  step,
  share,
  sinceMs,
  result,
  reason,
  by,
}: ExperimentState): string {
  const percent = `${Number((100 * share).toFixed(2))} %`
  const state =
    status === 'running'
      ? `running since ${moment(sinceMs)} in step ${step + 1}, ${percent} get ${treatment}`
      : `ended ${moment(sinceMs)} (${result}), everybody gets ${share === 1 ? treatment : control}`
  return `${name}: ${treatment} against ${control}, ${state}${by === undefined ? '' : `, by ${by}`}: ${reason}`
}
