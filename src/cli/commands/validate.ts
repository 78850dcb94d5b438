import { qualityWarnings } from '../../dataset/index.js'
import { foreseenText } from '../../gate/index.js'
import { type Command, toJson } from '../command.js'
import { countsText } from '../counts-text.js'
import { open, printNotices, warningText } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

export const validate: Command = {
  name: 'validate',
  usage: '',
  summary: 'Check configuration, samples, prompts and the evaluation set; needs no trainer and no release target',
  options: {},
  optionHelp: {},
  examples: ['sheikh validate', 'sheikh validate --project ./my-model'],
  positionals: [0, 0],
  async run({ project, json }, terminal) {
    const repository = await open(project, terminal)
    const found = await repository.inspect({ signal: terminal.signal })
    const { problems, missing, notices, summary, quality, tables, schema, foreseen, next } = found
    if (!json) {
      for (const problem of problems) terminal.printError(problem)
      for (const { message } of missing) terminal.err(`needed for a run: ${message}\n`)
      printNotices(notices, terminal)
    }
    const errors = problems.length === 1 ? '1 error' : `${problems.length} errors`
    const verdict: readonly Text[] =
      problems.length > 0
        ? [[styled('bad', 'Invalid:'), ` ${errors}.`]]
        : summary
          ? [[styled('good', 'Sound:'), ` ${countsText(summary.counts)}.`], ...tables.map((table) => `Read ${table}.`)]
          : []
    const lines: readonly Text[] = [
      ...(schema === undefined ? [] : [`Samples are checked against ${schema}.`]),
      ...[...(summary?.warnings ?? []), ...(quality === undefined ? [] : qualityWarnings(quality))].map(({ message }) =>
        warningText(message),
      ),
      ...foreseen.map((finding) => warningText(foreseenText(finding))),
      // The result comes last, because people and scripts look at the last line.
      joinTexts([...verdict, ...next.map((step) => `Next: ${step}`)], ' '),
    ]
    const errorsOf = (errors: typeof problems) => errors.map(({ code, message, facts }) => ({ code, message, facts }))
    const [first] = errorsOf(problems)
    return {
      text: joinTexts(lines),
      json: toJson({
        ...(first !== undefined && { error: first }),
        ...{
          problems: errorsOf(problems),
          missing: errorsOf(missing),
          notices,
          summary,
          quality,
          tables,
          schema,
          foreseen,
          next,
        },
      }),
      exitCode: problems.length === 0 ? 0 : problems.every(({ retryable }) => retryable) ? 4 : 1,
    }
  },
}
