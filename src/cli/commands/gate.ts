import { SheikhError } from '../../core/index.js'
import { type GatePlan, planGate } from '../../gate/index.js'
import { percent } from '../../report/texts/index.js'
import { type Arguments, type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { numberOption } from '../number-option.js'
import { open } from '../project.js'
import { accept } from './gate-accept.js'
import { compare } from './gate-compare.js'
import { testGate } from './gate-test.js'

export const gate: Command = {
  name: 'gate',
  usage: 'compare | accept <file> | plan | test',
  summary:
    'Compare evaluation outputs, accept one as the baseline, plan the size of an evaluation set, or test how often the gate errs; needs no project',
  options: {
    baseline: { type: 'string' },
    'baseline-from': { type: 'string' },
    candidate: { type: 'string' },
    name: { type: 'string' },
    'max-age': { type: 'string' },
    github: { type: 'boolean' },
    'check-name': { type: 'string' },
    'no-comment': { type: 'boolean' },
    margin: { type: 'string' },
    metric: { type: 'string' },
    'lower-is-better': { type: 'boolean' },
    range: { type: 'string' },
    normalize: { type: 'string' },
    format: { type: 'string' },
    system: { type: 'string' },
    id: { type: 'string' },
    score: { type: 'string' },
    pass: { type: 'string' },
    group: { type: 'string' },
    slice: { type: 'string' },
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
      'compare: an accepted baseline or a file (default: main); test: a file. Output of promptfoo, Vitest, evalite, lm-evaluation-harness, Inspect or DeepEval, CSV, or JSON Lines: { "id", "score" } or { "id", "prediction", "target" }; optional: "group", "slices", "error"',
    'baseline-from':
      'compare: branch, tag or commit to read the accepted baseline from, such as main (default: the work tree)',
    candidate: 'compare, test: the same items, answered by the new model',
    name: 'accept: name of the baseline, kept in .sheikh-gate/<name>.jsonl (default: main)',
    'max-age': 'compare: an older accepted baseline makes a pass inconclusive: 12h, 30d or 4w (default: no limit)',
    github:
      'compare: in GitHub Actions, also write outputs and the job summary, and post a check run and a comment on the pull request',
    'check-name': 'compare: with --github, name of the check run and of the comment (default: sheikh gate)',
    'no-comment': 'compare: with --github, post no comment',
    margin: "Largest acceptable loss, in the score's unit (default: 0.02)",
    metric:
      'compare: the metric to compare, if a file has several (default: the one that the tool shows first, else score)',
    'lower-is-better': 'compare: lower scores are better, as for a loss or a latency',
    range:
      'compare, test: lowest and highest possible score, such as 0,1 (default: estimated from the scores, which makes a pass harder to reach)',
    normalize:
      'compare, test: differences between prediction and target to ignore: trim, case, punctuation, number; separate several with commas',
    format:
      'compare, accept, test: lines, csv, promptfoo, vitest, evalite, lm-eval, inspect or deepeval, for all files (default: recognised by content)',
    system:
      'compare, accept, test: which one of a file with several: promptfoo provider or prompt, evalite variant, lm-eval filter',
    id: "compare, accept, test: path of an item's id in its row, such as meta.id (default: id); equal ids are repeats of one item",
    score: 'compare, accept, test: path of a number (default: score)',
    pass: 'compare, accept, test: path of true or false, or of pass, fail, error and timeout',
    group: 'compare, accept, test: path of the group (default: group)',
    slice: 'compare, accept, test: paths of slices; separate several with commas (default: slices)',
    out: 'compare: also write the comparison to this file: HTML with plots if the name ends in .html, else Markdown',
    items: "plan: number of items (default: the project's evaluation set with its groups)",
    groups: 'plan: number of equally large groups of items (default: all items are independent)',
    correlation: 'plan: correlation of changes within a group, from 0 (independent) to 1 (identical) (default: 0.3)',
    simulations:
      'test: simulated comparisons per true loss (default: 10,000 for independent right-or-wrong answers, else 1,000; 200 for ratios)',
    'maximum-evaluations': 'plan: number of candidates that the set will judge; prints both power curves (default: 1)',
    discordance: 'plan: share of items that exactly one of the models answers correctly, 0..1 (default: 0.05)',
  },
  actions: ['accept', 'compare', 'plan', 'test'],
  examples: [
    'sheikh gate compare --baseline old.jsonl --candidate new.jsonl',
    'sheikh gate accept results.jsonl',
    'sheikh gate plan --items 2000 --margin 0.01',
  ],
  positionals: [1, 2],
  async run(input, terminal) {
    const {
      positionals: [action, extra],
      values,
      project,
    } = input
    if (extra !== undefined && action !== 'accept')
      throw new SheikhError(
        'invalid-options',
        `Cannot run "sheikh gate ${action}": ${JSON.stringify(extra)} is unexpected. Files are options here. See: sheikh gate --help`,
      )
    if (action === 'test') return testGate(input, terminal)
    if (action === 'compare') return compare(input, terminal)
    if (action === 'accept') return accept(input, terminal)
    if (action === 'plan') return plan(values, () => pinnedSizes(project, terminal))
    throw new SheikhError(
      'invalid-options',
      `Cannot run "sheikh gate ${action}": the action must be compare, accept, plan or test. See: sheikh gate --help`,
    )
  },
}

async function plan(values: Arguments['values'], pinned: () => Promise<readonly number[]>): Promise<CommandResult> {
  const number = (name: string) => numberOption(values, name, 'gate')
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
    `With the error rate limited to 5 % over all ${maximumEvaluations} candidates, instead of 5 % for each:`,
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
    `passes ${percent(pass)}, fails ${percent(fail)}, is inconclusive ${percent(inconclusive)}`
  const text = [
    `With ${over}, a margin of ${inPoints(margin)}, and models that differ on ${percent(discordance)} of the items:`,
    `  a model of equal quality ${chances(identical)}`,
    `  a model that is worse by the margin ${chances(worseByTheMargin)}`,
    `  margin needed to pass a model of equal quality in 80 % of runs: ${inPoints(planned.smallestMargin)}`,
    `  evaluation set needed for that with a margin of ${inPoints(margin)}: ${many(planned.groupsNeeded)}`,
    ...(groups < fewestGroups
      ? [
          `Fewer than ${many(fewestGroups)} cannot certify a margin of ${inPoints(margin)}, even if the model loses nothing.`,
        ]
      : []),
  ]
  return text.join('\n')
}

const inPoints = (value: number) => `${Number((100 * value).toFixed(2))} points`

/** The number of items in each group of the evaluation set. */
async function pinnedSizes(project: string, terminal: Terminal): Promise<readonly number[]> {
  const { items } = await (await open(project, terminal)).evaluationSet()
  const sizes = new Map<string, number>()
  for (const { group, id } of items) {
    const key = group === undefined ? `i${id}` : `g${group}`
    sizes.set(key, (sizes.get(key) ?? 0) + 1)
  }
  return [...sizes.values()]
}
