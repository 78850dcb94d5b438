import { SheikhError } from '../../core/index.js'
import { type Arguments, type Command, type Terminal, toJson } from '../command.js'
import { usageError } from '../command-table.js'
import { exitCodeOf } from '../exit-code.js'
import { showProgress } from '../progress.js'
import { describeResult, open, printNotices } from '../project.js'
import { queueHelp, queueOptions, usageOf, workersIn } from '../queue-options.js'
import { markdownOf, reportNotTriggeredToActions, reportResultToActions } from '../report-result.js'
import { joinTexts } from '../styled-text.js'
import { terminalPath } from '../terminal-path.js'
import { learnedText } from './learn.js'
import { scheduleOf } from './triggers.js'

export const run: Command = {
  name: 'run',
  usage: '',
  summary: 'Validate, train and evaluate, and release if the gate passes',
  options: {
    retrain: { type: 'boolean' },
    'allow-dirty': { type: 'boolean' },
    'release-as': { type: 'string' },
    until: { type: 'string' },
    out: { type: 'string' },
    report: { type: 'string' },
    github: { type: 'boolean' },
    'if-triggered': { type: 'boolean' },
    schedule: { type: 'string' },
    workers: { type: 'string' },
    ...queueOptions,
  },
  optionHelp: {
    retrain: 'Train and evaluate even if nothing changed',
    'allow-dirty': 'Run with uncommitted changes; no channel will point at the release',
    'release-as': 'patch, minor, major or a version (default: depends on what changed)',
    until: 'verdict: train and evaluate, but leave decision and release to "sheikh release"',
    out: 'With --until: write what "sheikh release" needs to this folder, for another machine',
    report: 'Also write the report to this file, as Markdown',
    github: 'In GitHub Actions: also write the outputs status, run and version, and the report as job summary',
    'if-triggered': 'Run only if changes since the last run, or the schedule, ask for it (see: sheikh triggers)',
    schedule: 'With --if-triggered: the cron of a trigger in mlops/pipeline.yaml, which then fires',
    workers:
      'Number of processes that check data, train candidates and evaluate, with the same result (default: 1, in this process)',
    ...queueHelp,
  },
  choices: { 'release-as': ['patch', 'minor', 'major'], until: ['verdict'] },
  examples: [
    'sheikh run --if-triggered --report report.md',
    'sheikh run --until verdict --out awaiting',
    'sheikh run --workers 4',
  ],
  positionals: [0, 0],
  async run({ project, json, values }, terminal) {
    // A path that cannot be used is known before an hour of training.
    const reportPath =
      typeof values['report'] === 'string' ? terminalPath(terminal, values['report'], '--report') : undefined
    const schedule = scheduleOf(values['schedule'])
    if (schedule !== undefined && values['if-triggered'] !== true)
      throw usageError('Cannot use "--schedule" without "--if-triggered".', 'sheikh run --help')
    const workers = workersIn(values, usageOf('run', 'run'))
    const directory = await outFolder(values, terminal)
    const repository = await open(project, terminal)
    await using executor = await repository.executor(workers)
    const loaded = await repository.load({ executor })
    const triggered = values['if-triggered'] === true ? await loaded.triggered({ schedule }) : undefined
    const isForActions = values['github'] === true
    if (triggered?.action === 'none') {
      const status = 'not-triggered'
      const text = `Not run. ${triggered.reason}`
      if (isForActions) await reportNotTriggeredToActions(status, text)
      return { text, json: toJson({ status, triggered }) }
    }
    if (triggered !== undefined && !json) terminal.err(`${triggered.reason}\n`)
    const { pipeline, notices } = loaded
    if (!json) {
      printNotices(notices, terminal)
      showProgress(pipeline, terminal)
    }
    const retrain = values['retrain'] === true || triggered?.retrain === true
    const result = await pipeline.run({
      signal: terminal.signal,
      retrain,
      allowDirty: values['allow-dirty'] === true,
      until: untilOf(values['until']),
      ...(typeof values['release-as'] === 'string' && { releaseAs: values['release-as'] }),
    })
    // With --until, the machine that releases does the rest.
    const isLearning =
      values['until'] === undefined && triggered?.triggers.some(({ action }) => action === 'continuous_learn') === true
    const learned = isLearning ? await repository.learn() : undefined
    // One that is up to date is written too: the machine that releases notes its commit in the ledger.
    const isWritten = directory !== undefined && ['awaiting-release', 'up-to-date'].includes(result.status)
    if (isWritten) await pipeline.exportRun(result.runId, { directory, signal: terminal.signal })
    const report = reportPath !== undefined || isForActions ? await markdownOf(loaded, result) : undefined
    if (reportPath !== undefined && report !== undefined) {
      const { writeFileAtomic } = await import('../../store/index.js')
      await writeFileAtomic(reportPath, report)
    }
    if (isForActions) await reportResultToActions(result, report)
    const awaiting = isWritten ? String(values['out']) : result.runId
    return {
      text: joinTexts([
        describeResult(result, `${awaiting}${retrain ? ' --retrain' : ''}`),
        ...(learned === undefined ? [] : [learnedText(learned)]),
      ]),
      json: toJson({ ...result, ...(isWritten && { out: directory }), notices, triggered, learned }),
      exitCode: exitCodeOf(result),
    }
  },
}

function untilOf(value: unknown): 'verdict' | undefined {
  if (value === undefined || value === 'verdict') return value
  throw new SheikhError(
    'invalid-options',
    `Cannot run until ${JSON.stringify(value)}: only "verdict" is known. See: sheikh run --help`,
  )
}

/** The folder for the run, which must be usable before an hour of training. */
async function outFolder(values: Arguments['values'], terminal: Terminal): Promise<string | undefined> {
  const { out, until } = values
  if (typeof out !== 'string') return undefined
  if (until === undefined)
    throw new SheikhError(
      'invalid-options',
      'Cannot use --out without --until: the folder is for a run that another machine releases. Add: --until verdict',
    )
  const { folderNotEmpty, namesIn } = await import('../../store/index.js')
  const directory = terminalPath(terminal, out, '--out')
  if ((await namesIn(directory)).length > 0) throw folderNotEmpty(directory, 'write the run into')
  return directory
}
