import { stat } from 'node:fs/promises'
import { isRunId } from '../../core/index.js'
import type { AwaitingRun } from '../../pipeline/index.js'
import { type Command, type Terminal, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { showProgress } from '../progress.js'
import { describeResult, open, printNotices } from '../project.js'
import { markdownOf, reportResultToActions } from '../report-result.js'
import { terminalPath } from '../terminal-path.js'

export const release: Command = {
  name: 'release',
  usage: '<run | folder>',
  summary: 'Decide on a run that ended with "run --until verdict", here or elsewhere, and release if the gate passes',
  options: {
    evaluate: { type: 'boolean' },
    retrain: { type: 'boolean' },
    'release-as': { type: 'string' },
    github: { type: 'boolean' },
  },
  optionHelp: {
    evaluate: 'Load the model here and score it again, instead of using the predictions of the run',
    retrain: 'Release even if nothing changed, for a run with --retrain',
    'release-as': 'patch, minor, major or a version (default: depends on what changed)',
    github: 'In GitHub Actions: also write the outputs status, run and version, and the report as job summary',
  },
  choices: { 'release-as': ['patch', 'minor', 'major'] },
  examples: ['sheikh release ./awaiting', 'sheikh release 01kdvdna005274r5p1r5 --evaluate'],
  positionals: [1, 1],
  async run({ project, json, positionals, values }, terminal) {
    const named = await awaitingRun(positionals[0]!, terminal)
    const loaded = await (await open(project, terminal)).load()
    const { pipeline, notices } = loaded
    if (!json) {
      printNotices(notices, terminal)
      showProgress(pipeline, terminal)
    }
    const result = await pipeline.release(named, {
      signal: terminal.signal,
      evaluate: values['evaluate'] === true,
      retrain: values['retrain'] === true,
      ...(typeof values['release-as'] === 'string' && { releaseAs: values['release-as'] }),
    })
    if (values['github'] === true) await reportResultToActions(result, await markdownOf(loaded, result))
    return { text: describeResult(result), json: toJson({ ...result, notices }), exitCode: exitCodeOf(result) }
  },
}

/** A folder if there is one of that name, or if it cannot be the id of a run. */
async function awaitingRun(name: string, terminal: Terminal): Promise<AwaitingRun> {
  const directory = terminalPath(terminal, name, 'the run')
  const isFolder = await stat(directory).then(
    (found) => found.isDirectory(),
    () => false,
  )
  return isFolder || !isRunId(name) ? { directory } : { runId: name }
}
