import { SheikhError } from '../../core/index.js'
import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { describeResult, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const override: Command = {
  name: 'override',
  usage: '<run> --reason <why> --until <day>',
  summary: 'release what was held, against the evidence, until a day',
  options: { reason: { type: 'string' }, by: { type: 'string' }, until: { type: 'string' } },
  optionHelp: {
    reason: 'why; kept in the ledger and with the release',
    by: 'who answers for it (default: the user of Git)',
    until: 'the last day (UTC) that they do, as 2030-01-31; after it every run says so',
  },
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
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
    'Cannot override: --until names no day. Write it as 2030-01-31. See: sheikh override --help',
  )
}
