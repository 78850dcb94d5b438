import { relative } from 'node:path'
import type { Initialised, ProjectTemplate } from '../../repository/index.js'
import { type Command, toJson } from '../command.js'
import { terminalPath } from '../terminal-path.js'

// A copy of the names, so that the help and the completion do not load the repository. A test compares them.
const templates: readonly ProjectTemplate[] = ['text-classifier', 'llama', 'command-python', 'own-model']

export const init: Command = {
  name: 'init',
  usage: '[dir]',
  summary: 'Create a project, or add what is missing to an existing folder, and commit it',
  options: {
    template: { type: 'string' },
    empty: { type: 'boolean' },
    here: { type: 'boolean' },
    name: { type: 'string' },
  },
  optionHelp: {
    template: `What to train: ${templates.join(', ')} (default: ${templates[0]})`,
    empty: 'Do not generate the 200 example samples',
    here: 'Create a repository in a folder that already contains other files',
    name: "Project name (default: the folder's name)",
  },
  choices: { template: templates },
  examples: ['sheikh init my-model', 'sheikh init my-model --template command-python', 'sheikh init --here --empty'],
  positionals: [0, 1],
  async run({ positionals, project, values }, { cwd, signal }) {
    const { initRepository } = await import('../../repository/index.js')
    const directory =
      positionals[0] === undefined ? project : terminalPath({ cwd }, positionals[0], 'the folder of the project')
    const made = await initRepository(directory, {
      samples: values['empty'] !== true,
      here: values['here'] === true,
      ...(typeof values['template'] === 'string' && { template: values['template'] as ProjectTemplate }),
      ...(typeof values['name'] === 'string' && { name: values['name'] }),
      signal,
    })
    const there = shellWord(relative(cwd, directory))
    const go = there === '' ? '' : ` --project ${there}`
    const lines = [
      ...resultLines(directory, made),
      ...(made.left.length === 0 ? [] : [`Left as they are: ${shortList(made.left)}.`]),
      nextLine(made, go, there),
    ]
    return { text: lines.join('\n'), json: toJson({ directory, commit: null, ...made }) }
  },
}

/** As a shell reads it: in quotes if it has other characters than those of common paths. */
const shellWord = (path: string) => (/^[\w./@:+,-]*$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`)

function resultLines(directory: string, { commit, added, left, pinned }: Initialised): readonly string[] {
  if (commit === undefined) return [`Nothing to add: ${directory} is a project already.`]
  const committed = `and committed ${added.length === 1 ? 'it' : 'them'} (${commit.slice(0, 10)})`
  const isWhole = left.length === 0 && added.includes('dataset/config.yaml')
  if (!isWhole) return [`Added ${added.length} files to ${directory} ${committed}: ${shortList(added)}.`]
  return [
    `Created a project in ${directory} and committed it (${commit.slice(0, 10)}): ${added.length} files, ${pinned} samples pinned as the evaluation set.`,
  ]
}

function nextLine({ added, left, pinned }: Initialised, go: string, there: string): string {
  const packages = added.includes('package.json')
    ? `npm install${there === '' ? '' : ` --prefix ${there}`}, then: `
    : ''
  if (pinned > 0) return `Next: ${packages}sheikh plan${go}, then: sheikh run${go}`
  return left.includes('dataset/samples')
    ? `Next: ${packages}sheikh validate${go}, which checks the samples and says what is missing`
    : `Next: ${packages}put samples into dataset/samples/<category>/, commit them, then: sheikh evaluation pin${go}`
}

const shortList = (paths: readonly string[]) =>
  `${paths.slice(0, 8).join(', ')}${paths.length > 8 ? ` and ${paths.length - 8} more` : ''}`
