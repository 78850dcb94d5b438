import { relative } from 'node:path'
import type { Command } from '../command.js'
import { terminalPath } from '../terminal-path.js'

export const init: Command = {
  name: 'init',
  usage: '[dir]',
  summary: 'make a project: layout, samples, evaluation set, first commit',
  options: { empty: { type: 'boolean' }, here: { type: 'boolean' }, name: { type: 'string' } },
  optionHelp: {
    empty: 'leave the 200 generated samples out',
    here: 'make the repository around a folder that holds other files',
    name: "the project's name (default: the folder's)",
  },
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
        ? 'Put samples into dataset/samples/<category>/, commit, then: sheikh evaluation pin'
        : `Next: sheikh plan${go}, then: sheikh run${go}`
    return {
      text: `Made a project in ${directory} and committed it (${made.commit.slice(0, 10)}): ${made.files} files, ${made.pinned} samples pinned as the evaluation set.\n${next}`,
      json: { directory, commit: made.commit, files: made.files, pinned: made.pinned },
    }
  },
}
