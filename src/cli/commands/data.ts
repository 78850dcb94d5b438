import { SheikhError } from '../../core/index.js'
import { reportDataQuality, reportDataQualityHtml } from '../../report/index.js'
import { type Arguments, type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { isHtml } from '../is-html.js'
import { open } from '../project.js'
import { queueHelp, queueOptions, usageOf, workersIn } from '../queue-options.js'
import { terminalPath } from '../terminal-path.js'

export const data: Command = {
  name: 'data',
  usage: 'check | features | quarantine <finding or id>… | pin [<revision>]',
  summary: 'Check the samples, join features to them, exclude samples, and pin the version of a dataset on the Hub',
  options: {
    out: { type: 'string' },
    kind: { type: 'string' },
    reason: { type: 'string' },
    by: { type: 'string' },
    undo: { type: 'boolean' },
    workers: { type: 'string' },
    ...queueOptions,
  },
  optionHelp: {
    out: 'check: also write the report to this file: a page if it ends in .html, otherwise Markdown',
    kind: 'quarantine: all findings of this kind, such as leakage',
    reason: 'quarantine: why; recorded in the file (default: the fact of the finding)',
    by: 'quarantine: who decides (default: user.name and user.email of Git)',
    undo: 'quarantine: use the samples with these ids, or of this kind, again',
    workers: 'check: number of processes that examine texts, with the same report (default: 1, in this process)',
    ...queueHelp,
  },
  actions: ['check', 'features', 'quarantine', 'pin'],
  examples: ['sheikh data check --workers 4', 'sheikh data quarantine --kind leakage', 'sheikh data pin main'],
  positionals: [1, 1000],
  async run(input, terminal) {
    const [action, ...names] = input.positionals
    if (action === 'check' && names.length === 0) return check(input, terminal)
    if (action === 'features' && names.length === 0) return features(input, terminal)
    if (action === 'quarantine') return quarantine(input, terminal)
    if (action === 'pin' && names.length <= 1) return pin(input, names[0], terminal)
    throw new SheikhError(
      'invalid-options',
      `Cannot run "sheikh data ${input.positionals.join(' ')}": the action must be check or features, without arguments, quarantine, or pin with at most one revision. See: sheikh data --help`,
    )
  },
}

async function check({ project, values }: Arguments, terminal: Terminal): Promise<CommandResult> {
  const out = typeof values['out'] === 'string' ? terminalPath(terminal, values['out'], '--out') : undefined
  const workers = workersIn(values, usageOf('data', 'check the data'))
  const repository = await open(project, terminal)
  await using executor = await repository.executor(workers)
  const found = await repository.checkData({ signal: terminal.signal, executor })
  if (out !== undefined) {
    const { writeFileAtomic } = await import('../../store/index.js')
    await writeFileAtomic(out, isHtml(out) ? reportDataQualityHtml(found) : reportDataQuality(found))
  }
  return { text: reportDataQuality(found), json: toJson(found), exitCode: found.status === 'fail' ? 1 : 0 }
}

async function features({ project }: Arguments, terminal: Terminal): Promise<CommandResult> {
  const repository = await open(project, terminal)
  const joined = await repository.joinFeatures({ signal: terminal.signal })
  const { path, samples, lines, rows, missing, added, removed, changed } = joined
  const counts = (found: Readonly<Record<string, number>>) =>
    Object.entries(found)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  const isSame = added + removed === 0 && Object.keys(changed).length === 0
  const text = [
    `Joined ${samples} ${samples === 1 ? 'sample' : 'samples'} to features (rows read: ${counts(rows)}).`,
    ...(Object.keys(missing).length === 0 ? [] : [`Without a value: ${counts(missing)}.`]),
    ...(Object.keys(changed).length === 0 ? [] : [`Changed values: ${counts(changed)}.`]),
    isSame
      ? `${path} has the same ${lines} ${lines === 1 ? 'line' : 'lines'} as before.`
      : `${path}: ${lines} ${lines === 1 ? 'line' : 'lines'}, ${added} added, ${removed} removed. Commit the file.`,
  ]
  return { text: text.join('\n'), json: toJson(joined) }
}

async function pin({ project }: Arguments, revision: string | undefined, terminal: Terminal): Promise<CommandResult> {
  const repository = await open(project, terminal)
  const pinned = await repository.pinData({ ...(revision !== undefined && { revision }), signal: terminal.signal })
  const { path, before, after, commit } = pinned
  const said =
    before === after
      ? `Nothing changed: ${pinned.revision} is the commit ${commit} that ${path} names.`
      : `${path} now names the commit ${commit} of ${pinned.revision}: ${after}\nCommit the file.`
  return { text: said, json: toJson(pinned) }
}

async function quarantine({ project, positionals, values }: Arguments, terminal: Terminal): Promise<CommandResult> {
  const repository = await open(project, terminal)
  const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
  const { path, added, removed, kept, excluded } = await repository.quarantine({
    ...{ names: positionals.slice(1), kind: text('kind'), reason: text('reason'), by: text('by') },
    ...{ undo: values['undo'] === true, signal: terminal.signal },
  })
  const samples = (ids: readonly string[]) => `${ids.length} ${ids.length === 1 ? 'sample' : 'samples'}`
  const lines = [
    ...(added.length > 0 ? [`Quarantined ${samples(added)}: the dataset excludes them.`] : []),
    ...(removed.length > 0 ? [`Removed ${samples(removed)} from the quarantine.`] : []),
    ...(kept.length > 0
      ? [`Kept ${samples(kept)}, because models are judged on them: ${kept.slice(0, 5).join(', ')}.`]
      : []),
    added.length + removed.length === 0
      ? 'Nothing changed.'
      : `${path} lists ${excluded} excluded ${excluded === 1 ? 'sample' : 'samples'}. Commit the file.`,
  ]
  return { text: lines.join('\n'), json: toJson({ path, added, removed, kept, excluded }) }
}
