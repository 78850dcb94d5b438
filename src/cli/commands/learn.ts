import type { LearnResult } from '../../repository/index.js'
import { type Command, toJson } from '../command.js'
import { exitCodeOf } from '../exit-code.js'
import { showProgress } from '../progress.js'
import { describeResult, open, printNotices } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

export const learnCommand: Command = {
  name: 'learn',
  usage: '',
  summary: 'Run, and do what stages.continuous_learn lists: archive, propose a base and samples of feedback',
  options: { 'after-run': { type: 'boolean' } },
  optionHelp: { 'after-run': 'Only do what follows a run' },
  examples: ['sheikh learn', 'sheikh learn --after-run --json'],
  positionals: [0, 0],
  async run({ project, json, values }, terminal) {
    const repository = await open(project, terminal)
    if (values['after-run'] === true) {
      const learned = await repository.learn()
      return { text: learnedText(learned), json: toJson({ learned }) }
    }
    const { pipeline, notices } = await repository.load()
    if (!json) {
      printNotices(notices, terminal)
      showProgress(pipeline, terminal)
    }
    const run = await pipeline.run({ signal: terminal.signal })
    const learned = await repository.learn()
    return {
      text: joinTexts([describeResult(run), learnedText(learned)]),
      json: toJson({ run, learned }),
      exitCode: exitCodeOf(run),
    }
  },
}

export function learnedText({ status, steps, drift }: LearnResult): Text {
  const lines = steps.map(({ action, detail }): Text => `  ${action}: ${detail}`)
  const heading =
    status === 'done' ? styled('good', 'Learned:') : steps.length === 0 ? 'No actions are listed.' : 'Nothing new:'
  return joinTexts([heading, ...lines, ...(drift === undefined ? [] : [`  drift: ${drift.summary}`])])
}
