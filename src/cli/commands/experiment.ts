import { SheikhError } from '../../core/index.js'
import { type ExperimentState, experimentHistory, experimentsOf, stopExperiment } from '../../experiment/index.js'
import type { LedgerEntry } from '../../gate/index.js'
import { moment, reportExperiment, reportExperimentHtml } from '../../report/index.js'
import { type Arguments, type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { usageError } from '../command-table.js'
import { contextOf, feedbackStoreOf } from '../feedback-store.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'
import { whoDecides } from '../who-decides.js'

export const experiment: Command = {
  name: 'experiment',
  usage: 'status [<name>] | report <name> | stop <name> --reason <why>',
  summary: 'Show the live tests of the ledger, report one, or stop one: everybody gets the control',
  options: {
    store: { type: 'string' },
    out: { type: 'string' },
    html: { type: 'boolean' },
    reason: { type: 'string' },
    by: { type: 'string' },
  },
  optionHelp: {
    store: 'report: folder with the feedback of the test; without it, the report has no comparison',
    out: 'report: write the report to this file; a name that ends in .html gives a page with plots',
    html: 'report: write HTML regardless of the file name',
    reason: 'stop: why; recorded in the ledger',
    by: 'stop: who decides; recorded in the ledger (default: user.name and user.email of Git)',
  },
  actions: ['status', 'report', 'stop'],
  examples: [
    'sheikh experiment status',
    'sheikh experiment report mail-0.2.0 --store feedback --out mail.html',
    'sheikh experiment stop mail-0.2.0 --reason "the metric is wrong"',
  ],
  positionals: [1, 2],
  async run(input, terminal): Promise<CommandResult> {
    const { project, positionals, values } = input
    const [action, name] = positionals
    if (action !== 'status' && action !== 'report' && action !== 'stop')
      throw usageError(`Cannot run "sheikh experiment ${action}": the action must be status, report or stop.`, help)
    if (action !== 'status' && name === undefined)
      throw usageError(`Cannot ${action} a live test: no name was given.`, help)
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    if (action === 'stop') {
      const by = await whoDecides(repository, values['by'], 'stop the live test')
      const stopped = await stopExperiment(pipeline, name!, { by, reason: String(values['reason'] ?? '') })
      return { text: lineOf(stopped), json: toJson(stopped) }
    }
    const ledger = await pipeline.ledger({ signal: terminal.signal })
    if (action === 'report') return report(name!, ledger, input, terminal)
    const all = experimentsOf(ledger)
    const experiments = all.filter((each) => name === undefined || each.name === name)
    if (name !== undefined && experiments.length === 0)
      throw new SheikhError(
        'not-found',
        `Cannot find the live test ${JSON.stringify(name)}: the ledger does not contain it. List all: sheikh experiment status`,
      )
    const text = experiments.length === 0 ? 'There is no live test.' : experiments.map(lineOf).join('\n')
    return { text, json: toJson({ experiments }) }
  },
}

async function report(
  name: string,
  ledger: readonly LedgerEntry[],
  input: Arguments,
  terminal: Terminal,
): Promise<CommandResult> {
  const { values } = input
  const feedback = values['store'] === undefined ? undefined : feedbackStoreOf(input, terminal)
  const history = await experimentHistory(name, { ledger, feedback }, contextOf(terminal))
  const html = values['html'] === true || isHtml(values['out'])
  const text = html ? reportExperimentHtml(history) : reportExperiment(history)
  if (typeof values['out'] !== 'string') return { text, json: toJson(history) }
  const { writeFileAtomic } = await import('../../store/index.js')
  const path = terminalPath(terminal, values['out'], '--out')
  await writeFileAtomic(path, text)
  return { text: `Wrote ${path}`, json: toJson({ path, history }) }
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
