import { SheikhError } from '../../core/index.js'
import { bytes } from '../../report/texts/index.js'
import { type Command, toJson } from '../command.js'
import { showWork } from '../progress.js'
import { open } from '../project.js'

export const gc: Command = {
  name: 'gc',
  usage: '',
  summary: 'List the files of old releases that can be removed; remove them with --apply',
  options: { 'keep-last': { type: 'string' }, 'retention-days': { type: 'string' }, apply: { type: 'boolean' } },
  optionHelp: {
    'keep-last': 'Number of newest releases to keep (default: artifacts.storage.keep_last)',
    'retention-days': 'Keep releases that are younger than this (default: artifacts.storage.retention_days)',
    apply: 'Remove the files',
  },
  examples: ['sheikh gc --keep-last 10', 'sheikh gc --keep-last 10 --apply'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const repository = await open(project, terminal)
    const { pipeline, retention } = await repository.load()
    const options = {
      signal: terminal.signal,
      keepLast: numberOf(values['keep-last'], 'keep-last') ?? retention.keepLast,
      retentionDays: numberOf(values['retention-days'], 'retention-days') ?? retention.days,
    }
    showWork(terminal, 'gc')
    const applied = values['apply'] === true
    const { remove, keep } = applied ? await pipeline.gc(options) : await pipeline.planGc(options)
    const lines = [
      ...remove.map(
        ({ version, sizeBytes }) => `${applied ? 'removed' : 'would remove'}  ${version}  ${bytes(sizeBytes)}`,
      ),
      ...keep.map(({ version, reason }) => `keeps  ${version}  ${reason}`),
      ...(remove.length > 0 && !applied ? ['Nothing was removed. To remove these files: sheikh gc --apply'] : []),
    ]
    return {
      text: lines.length === 0 ? 'No releases yet.' : lines.join('\n'),
      json: toJson({ applied, remove, keep }),
    }
  },
}

function numberOf(text: unknown, name: string): number | undefined {
  if (text === undefined) return undefined
  const value = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isNaN(value)) return value
  throw new SheikhError(
    'invalid-options',
    `Cannot collect garbage: --${name} is not a whole number. See: sheikh gc --help`,
  )
}
