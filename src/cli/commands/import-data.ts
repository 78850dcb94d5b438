import { SheikhError } from '../../core/index.js'
import type { Charset } from '../../dataset/index.js'
import type { DataImportPlan, FieldChoice, ImportDataOptions, LeftOutRecord } from '../../repository/index.js'
import { type Arguments, type Command, type CommandResult, toJson } from '../command.js'
import { numberOption } from '../number-option.js'
import { logTo } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'
import { terminalPath } from '../terminal-path.js'

export const importDataCommand: Command = {
  name: 'import-data',
  usage: '<file | hf:datasets/owner/name>',
  summary: 'Turn your data into samples, settings and an evaluation set; shows the plan first',
  options: {
    yes: { type: 'boolean' },
    input: { type: 'string' },
    target: { type: 'string' },
    id: { type: 'string' },
    group: { type: 'string' },
    'no-group': { type: 'boolean' },
    slices: { type: 'string' },
    to: { type: 'string' },
    share: { type: 'string' },
    separator: { type: 'string' },
    charset: { type: 'string' },
  },
  optionHelp: {
    yes: 'Write and commit what the plan says (default: ask on a terminal, otherwise only show the plan)',
    input: 'Field that the model reads (default: proposed); nested: data.text',
    target: 'Field of the label (default: proposed)',
    id: 'Field of the ids, all different (default: proposed, or made from the content)',
    group: 'Field whose values name samples that belong together, such as a thread (default: proposed)',
    'no-group': 'Samples are independent',
    slices: 'Fields whose values are judged separately, with commas (default: proposed)',
    to: 'Folder of the samples: dataset/samples/<category> (default: the category is the name of the file)',
    share: 'Share of the samples to pin as the evaluation set, 0..1 (default: 0.2 to 0.4, by the number of samples)',
    separator: 'Separator of a CSV file (default: recognised)',
    charset: 'Charset of a CSV file: utf-8, utf-16, latin1 or windows-1252 (default: utf-8, or utf-16 with its mark)',
  },
  examples: [
    'sheikh import-data reviews.csv',
    'sheikh import-data hf:datasets/owner/reviews?split=train',
    'sheikh import-data export.json --input data.body --target label --group data.thread --yes',
  ],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const { importData } = await import('../../repository/index.js')
    const [given] = positionals
    const source = given!.startsWith('hf:') ? given! : terminalPath(terminal, given!, 'the file of the data')
    const { plan, apply } = await importData(project, source, {
      ...optionsOf(values),
      signal: terminal.signal,
      log: logTo(terminal),
    })
    const shown = planText(plan, positionals[0]!)
    if (plan.problems.length > 0)
      return { text: [shown, '\nNothing was written.'], json: toJson({ applied: false, plan }), exitCode: 1 }
    if (values['yes'] !== true) {
      if (terminal.ask === undefined)
        return {
          text: [shown, '\nNothing was written. To apply this plan, add --yes.'],
          json: toJson({ applied: false, plan }),
        }
      terminal.out([shown, '\n'])
      const answer = await terminal.ask('Write and commit this? [y/N] ')
      if (!/^\s*y(?:es)?\s*$/i.test(answer ?? ''))
        return { text: 'Nothing was written.', json: toJson({ applied: false, plan }) }
      return resultOf(plan, await apply(), [])
    }
    return resultOf(plan, await apply(), [shown, '\n'])
  },
}

function optionsOf(values: Arguments['values']): ImportDataOptions {
  const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
  if (values['no-group'] === true && values['group'] !== undefined)
    throw new SheikhError('invalid-options', 'Cannot use --group and --no-group together. Leave out one of them.')
  const share = numberOption(values, 'share', 'import-data')
  const [separator, charset] = [text('separator'), text('charset') as Charset | undefined]
  return {
    ...{ id: text('id'), input: text('input'), target: text('target'), to: text('to') },
    group: values['no-group'] === true ? false : text('group'),
    slices: text('slices')
      ?.split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
    ...(share !== undefined && { share }),
    ...((separator ?? charset) !== undefined && { csv: { separator, charset } }),
  }
}

type Applied = Awaited<ReturnType<Awaited<ReturnType<typeof import('../../repository/index.js').importData>>['apply']>>

function resultOf(plan: DataImportPlan, done: Applied, before: Text): CommandResult {
  const { samples, pinned, commit, written } = done
  const said =
    commit === undefined
      ? 'Nothing to write: the project has these samples already.'
      : `Imported ${count(samples, 'sample')}${pinned === 0 ? '' : `, pinned ${pinned} of them as the evaluation set`}, and committed ${count(written.length, 'file')} (${commit.slice(0, 10)}).`
  return {
    text: [before, styled('good', said), '\nNext: sheikh validate, then: sheikh run'],
    json: toJson({ applied: true, plan, ...done, commit: commit ?? null }),
  }
}

/** @param name the source as it was given. */
function planText(plan: DataImportPlan, name: string): Text {
  const { format, records, samples, projection, labels, differentLabels, leftOut, split, files } = plan
  const formats = { records: '', 'label-studio': ' of Label Studio', promptfoo: ' of promptfoo' }
  const { id, input, target, group, slices } = projection
  const rows: readonly (readonly [string, FieldChoice])[] = [
    ['id', id],
    ['input', input],
    ['target', target],
    ...(group === undefined ? [] : [['group', group] as const]),
    ...slices.map((slice) => ['slice', slice] as const),
  ]
  const width = Math.max(...rows.map(([, choice]) => fieldText(choice).length))
  const named = Object.entries(labels).slice(0, 10)
  const more = differentLabels - named.length
  const lines: Text[] = [
    `${name}: ${count(records, 'record')}${formats[format]}, ${count(samples, 'sample')}.`,
    ...rows.map(
      ([part, choice]): Text => [
        `  ${part.padEnd(6)}  `,
        styled('strong', fieldText(choice).padEnd(width)),
        `  ${choice.reason}`,
      ],
    ),
    ...(named.length === 0
      ? []
      : [
          `Labels: ${named.map(([label, times]) => `${label} ${times}`).join(', ')}${more > 0 ? `, and ${more} more` : ''}.`,
        ]),
    ...leftOut.map(
      ({ reason, count: times, places }) =>
        `Left out: ${count(times, 'record')} ${reasons[reason]} (${places.slice(0, 3).join(', ')}${times > 3 ? ', …' : ''}).`,
    ),
    ...(split.evaluation === 0
      ? []
      : [
          split.kind === 'pinned'
            ? `Evaluation set: ${split.evaluation} pinned, ${split.training} for training.${split.together === 0 ? '' : ` ${split.together} samples share a group or nearly the same text with another sample; such samples are all pinned or all for training.`}`
            : `Evaluation set: the ${split.evaluation} pinned items of the project stay as they are; ${split.training} samples for training.`,
        ]),
    ...(files.length === 0
      ? plan.problems.length === 0
        ? ['Writes nothing: the project has these files already.']
        : []
      : [
          `${plan.createsProject ? 'Creates a project, and writes' : 'Writes'}: ${files.map(({ path }) => path).join(', ')}.`,
        ]),
    ...plan.notes.map((note): Text => [styled('open', 'Note:'), ` ${note}`]),
    ...plan.problems.map((problem): Text => [styled('bad', 'Problem:'), ` ${problem}`]),
  ]
  return joinTexts(lines)
}

const fieldText = ({ field, from }: FieldChoice) =>
  from === undefined || from === field ? field : `${field} ← ${from}`

const reasons: Readonly<Record<LeftOutRecord, string>> = {
  'not-an-object': 'that are no objects',
  'not-json': 'with text that is not valid Unicode, or nested too deeply',
  'no-input': 'without an input',
  'no-target': 'without a label',
  copy: 'that repeat another one',
  'already-in-project': 'that the project already has',
  'like-evaluation-item': 'equal or similar to an item of the evaluation set',
  cancelled: 'whose annotations are cancelled',
  'annotators-disagree': 'whose annotators disagree, without a majority',
  'not-one-answer': 'with several answers',
  'without-value': 'whose annotations have no answer',
  'no-equals-assertion': 'without an assertion "equals"',
}

const count = (number: number, noun: string) => `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
