import { SheikhError } from '../../core/index.js'
import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { showPublishing } from '../progress.js'
import { describeResult, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const override: Command = {
  name: 'override',
  usage: '<run> --reason <why> --until <day>',
  summary: 'Release the model of a held run despite the evidence, until a given day',
  options: { reason: { type: 'string' }, by: { type: 'string' }, until: { type: 'string' } },
  optionHelp: {
    reason: 'Why you override the gate; recorded in the ledger and in the release',
    by: 'Who is responsible (default: user.name and user.email of Git)',
    until: 'Last day of the override (UTC), such as 2030-01-31; later runs warn that it has ended',
  },
  examples: ['sheikh override 01kdvdna005274r5p1r5 --reason "The current release is down" --until 2030-01-31'],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showPublishing(pipeline, terminal, 'override')
    const result = await pipeline.override(positionals[0]!, {
      signal: terminal.signal,
      reason: typeof values['reason'] === 'string' ? values['reason'] : '',
      by: await whoDecides(repository, values['by'], 'override'),
      untilMs: endOfDay(values['until']),
    })
    return { text: describeResult(result), json: toJson(result), exitCode: exitCodeOf(result) }
  },
}

function endOfDay(day: unknown): number {
  const ms = typeof day === 'string' && /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T23:59:59.999Z`) : Number.NaN
  if (!Number.isNaN(ms)) return ms
  throw new SheikhError(
    'invalid-options',
    `Cannot override: --until is ${day === undefined ? 'missing' : `${JSON.stringify(day)}, which is no day`}. Give a day such as 2030-01-31. See: sheikh override --help`,
  )
}
