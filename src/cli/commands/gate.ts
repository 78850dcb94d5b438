import { basename, resolve } from 'node:path'
import { callContext, SheikhError } from '../../core/index.js'
import { pairScores, readScoreFile } from '../../evaluation/index.js'
import { compareEvaluations } from '../../gate/index.js'
import { intervalPlot, reportComparison } from '../../report/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { type Answer, type Arguments, type Command, type Terminal, toJson } from '../command.js'

export const gate: Command = {
  name: 'gate',
  usage: 'compare --baseline <a> --candidate <b>',
  summary: 'compare two evaluation outputs (JSONL), without a project',
  options: {
    baseline: { type: 'string' },
    candidate: { type: 'string' },
    margin: { type: 'string' },
    metric: { type: 'string' },
    'lower-is-better': { type: 'boolean' },
    range: { type: 'string' },
    out: { type: 'string' },
  },
  optionHelp: {
    baseline:
      'JSONL, an item a line: { "id", "score" } or { "id", "prediction", "target" }; also "group", "slices", "error"',
    candidate: 'the same items, answered by the model that is to be judged',
    margin: "the loss that is tolerated, in the score's unit (default: 0.02)",
    metric: 'what the score is called (default: score)',
    'lower-is-better': 'of scores such as a loss or a latency',
    range: 'least and greatest score there can be, as 0,1: needed where no item differs from the others',
    out: 'also write the comparison as Markdown to this file',
  },
  positionals: [1, 1],
  async run({ positionals: [action], values }, terminal) {
    if (action === 'compare') return compare(values, terminal)
    throw new SheikhError('invalid-options', `Cannot do "gate ${action}": it takes compare. See: sheikh gate --help`)
  },
}

async function compare(values: Arguments['values'], terminal: Terminal): Promise<Answer> {
  const context = callContext({ signal: terminal.signal })
  const path = (name: string) => {
    if (typeof values[name] === 'string') return resolve(terminal.cwd, values[name])
    throw new SheikhError('invalid-options', `Cannot compare: --${name} names no file. See: sheikh gate --help`)
  }
  const [baselinePath, candidatePath] = [path('baseline'), path('candidate')]
  const pair = await pairScores(
    await readScoreFile(candidatePath, context),
    await readScoreFile(baselinePath, context),
    {
      ...(typeof values['metric'] === 'string' && { metric: values['metric'] }),
      ...(values['lower-is-better'] === true && { direction: 'lower-is-better' }),
      ...(typeof values['range'] === 'string' && { range: parseRange(values['range']) }),
    },
  )
  const margin = values['margin'] === undefined ? undefined : Number(values['margin'])
  const verdict = await compareEvaluations(
    pair.candidate,
    pair.baseline,
    { baselineName: basename(baselinePath), ...(margin !== undefined && { margin }) },
    context,
  )
  const report = reportComparison(verdict)
  if (typeof values['out'] === 'string') await writeFileAtomic(resolve(terminal.cwd, values['out']), `${report}\n`)
  return {
    text: [report, intervalPlot(verdict.findings)].filter((part) => part !== '').join('\n\n'),
    json: toJson(verdict),
    exitCode: { pass: 0, fail: 2, inconclusive: 3 }[verdict.status],
  }
}

function parseRange(text: string): readonly [number, number] {
  const ends = text.split(',').map((end) => (end.trim() === '' ? Number.NaN : Number(end)))
  const [lowest, highest] = ends
  if (ends.length === 2 && Number.isFinite(lowest) && Number.isFinite(highest) && lowest! < highest!)
    return [lowest!, highest!]
  throw new SheikhError(
    'invalid-options',
    `Cannot use the range "${text}": write two numbers, the lower first, as 0,1.`,
  )
}
