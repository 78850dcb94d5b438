import { relative } from 'node:path'
import type { Command } from '../command.js'
import { terminalPath } from '../terminal-path.js'

export const init: Command = {
  name: 'init',
  usage: '[dir]',
  summary: 'Create a project: files, samples, evaluation set and first commit',
  options: { empty: { type: 'boolean' }, here: { type: 'boolean' }, name: { type: 'string' } },
  optionHelp: {
    empty: 'Do not generate the 200 example samples',
    here: 'Allow a folder that already contains other files',
    name: "Project name (default: the folder's name)",
  },
  examples: ['sheikh init my-model', 'sheikh init my-model --empty'],
  positionals: [0, 1],
  async run({ positionals, project, values }, { cwd, signal }) {
    const { initRepository } = await import('../../repository/index.js')
    const directory =
      positionals[0] === undefined ? project : terminalPath({ cwd }, positionals[0], 'the folder of the project')
    const made = await initRepository(directory, {
      samples: values['empty'] !== true,
      here: values['here'] === true,
      ...(typeof values['name'] === 'string' && { name: values['name'] }),
      signal,
    })
    const there = relative(cwd, directory)
    const go = there === '' ? '' : ` --project ${there}`
    const next =
      made.pinned === 0
        ? 'Next: put samples into dataset/samples/<category>/, commit them, then: sheikh evaluation pin'
        : `Next: sheikh plan${go}, then: sheikh run${go}`
    return {
      text: `Created a project in ${directory} and committed it (${made.commit.slice(0, 10)}): ${made.files} files, ${made.pinned} samples pinned as the evaluation set.\n${next}`,
      json: { directory, commit: made.commit, files: made.files, pinned: made.pinned },
    }
  },
}
