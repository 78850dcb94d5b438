import { basename } from 'node:path'
import { callContext, SheikhError } from '../../core/index.js'
import { compareEvaluations, type GatePlan, planGate } from '../../gate/index.js'
import { intervalPlot, percent, reportComparison, reportComparisonHtml } from '../../report/index.js'
import { writeFileAtomic } from '../../store/index.js'
import { type Arguments, type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { readPair } from '../read-pair.js'
import { terminalPath } from '../terminal-path.js'
import { testGate } from './gate-test.js'

export const gate: Command = {
  name: 'gate',
  usage: 'compare | plan | test',
  summary:
    'compare two evaluation outputs (JSONL), plan how many items a margin takes, or test how often the gate errs; no project needed',
  options: {
    baseline: { type: 'string' },
    candidate: { type: 'string' },
    margin: { type: 'string' },
    metric: { type: 'string' },
    'lower-is-better': { type: 'boolean' },
    range: { type: 'string' },
    normalize: { type: 'string' },
    out: { type: 'string' },
    items: { type: 'string' },
    groups: { type: 'string' },
    correlation: { type: 'string' },
    discordance: { type: 'string' },
    'maximum-evaluations': { type: 'string' },
    simulations: { type: 'string' },
  },
  optionHelp: {
    baseline:
      'compare, test: JSONL, an item a line: { "id", "score" } or { "id", "prediction", "target" }; also "group", "slices", "error"',
    candidate: 'compare, test: the same items, answered by the model that is to be judged',
    margin: "the loss that is tolerated, in the score's unit (default: 0.02)",
    metric: 'compare: what the score is called (default: score)',
    'lower-is-better': 'compare: of scores such as a loss or a latency',
    range:
      'compare, test: the lowest and the highest possible score, as 0,1 (default: estimated from the scores, so fewer sets can pass)',
    normalize:
      'compare, test: differences between prediction and target that do not count: trim, case, punctuation, number; several with commas',
    out: 'compare: also write the comparison to this file, as Markdown, or as a page with plots where it ends in .html',
    items: "plan: how many items (default: those that the project's evaluation set pins, in their groups)",
    groups: 'plan: how many groups the items are in, all of one size (default: every item is independent)',
    correlation: 'plan: how alike the items of a group change, from 0 (independent) to 1 (as one) (default: 0.3)',
    simulations:
      'test: comparisons for each planted loss (default: 10,000 for independent right or wrong answers, else 1,000; ratios 200)',
    'maximum-evaluations': 'plan: how many candidates the set is to judge; both power curves are printed (default: 1)',
    discordance: 'plan: share of items that one model has right and the other wrong, 0..1 (default: 0.05)',
  },
  positionals: [1, 1],
  async run(input, terminal) {
    const {
      positionals: [action],
      values,
      project,
    } = input
    if (action === 'test') return testGate(input, terminal)
    if (action === 'compare') return compare(values, terminal)
    if (action === 'plan') return plan(values, () => pinnedSizes(project, terminal))
    throw new SheikhError(
      'invalid-options',
      `Cannot do "gate ${action}": it takes compare, plan or test. See: sheikh gate --help`,
    )
  },
}

async function plan(values: Arguments['values'], pinned: () => Promise<readonly number[]>): Promise<CommandResult> {
  const number = (name: string) => (values[name] === undefined ? undefined : Number(values[name]))
  const items = number('items')
  const sizes = items === undefined ? await pinned() : undefined
  const asked = {
    items: items ?? sizes!.reduce((sum, size) => sum + size, 0),
    groups: number('groups') ?? sizes,
    correlation: number('correlation'),
    discordance: number('discordance'),
    margin: number('margin'),
  }
  const once = planGate(asked)
  const maximumEvaluations = number('maximum-evaluations')
  if (maximumEvaluations === undefined) return { text: describePlan(once), json: toJson(once) }
  const strict = planGate({ ...asked, maximumEvaluations })
  const text = [
    describePlan(once),
    `Held to 5 % over ${maximumEvaluations} candidates on this set, and not to 5 % for each:`,
    describePlan(strict),
  ]
  return { text: text.join('\n\n'), json: toJson(strict) }
}

function describePlan(planned: GatePlan): string {
  const { items, groups, correlation, margin, discordance, identical, worseByTheMargin, fewestGroups } = planned
  const count = (value: number) => value.toLocaleString('en')
  const [over, many] =
    items === groups
      ? [`${count(items)} independent items`, (needed: number) => `${count(needed)} items`]
      : [
          `${count(items)} items in ${count(groups)} groups (correlation ${correlation})`,
          (needed: number) => `${count(needed)} groups`,
        ]
  const chances = ({ pass, fail, inconclusive }: typeof identical) =>
    `passes ${percent(pass)}, fails ${percent(fail)}, is left open ${percent(inconclusive)}`
  const text = [
    `With ${over}, a margin of ${inPoints(margin)}, and models that answer ${percent(discordance)} of them differently:`,
    `  a model of the same quality ${chances(identical)}`,
    `  a model that is worse by the margin ${chances(worseByTheMargin)}`,
    `  the margin that passes the same quality four times in five: ${inPoints(planned.smallestMargin)}`,
    `  the set that does so at ${inPoints(margin)}: ${many(planned.groupsNeeded)}`,
    ...(groups < fewestGroups
      ? [`Fewer than ${many(fewestGroups)} certify no margin of ${inPoints(margin)}, even without any loss.`]
      : []),
  ]
  return text.join('\n')
}

const inPoints = (value: number) => `${Number((100 * value).toFixed(2))} points`

/** How many items each group of the pinned set has. */
async function pinnedSizes(project: string, terminal: Terminal): Promise<readonly number[]> {
  const { items } = await (await open(project, terminal)).evaluationSet()
  const sizes = new Map<string, number>()
  for (const { group, id } of items) {
    const key = group === undefined ? `i${id}` : `g${group}`
    sizes.set(key, (sizes.get(key) ?? 0) + 1)
  }
  return [...sizes.values()]
}

async function compare(values: Arguments['values'], terminal: Terminal): Promise<CommandResult> {
  const context = callContext({ signal: terminal.signal })
  const pair = await readPair(values, terminal)
  const margin = values['margin'] === undefined ? undefined : Number(values['margin'])
  const verdict = await compareEvaluations(
    pair.candidate,
    pair.baseline,
    { baselineName: basename(pair.baselinePath), ...(margin !== undefined && { margin }) },
    context,
  )
  const report = reportComparison(verdict)
  if (typeof values['out'] === 'string') {
    const title = `${pair.candidate.metrics[0]!.name}: the new model against ${basename(pair.baselinePath)}`
    const content = isHtml(values['out']) ? reportComparisonHtml(verdict, { title }) : `${report}\n`
    await writeFileAtomic(terminalPath(terminal, values['out'], '--out'), content)
  }
  return {
    text: [report, intervalPlot(verdict.findings)].filter((part) => part !== '').join('\n\n'),
    json: toJson(verdict),
    exitCode: { pass: 0, fail: 2, inconclusive: 3 }[verdict.status],
  }
}
