import { relative } from 'node:path'
import { SheikhError } from '../../core/index.js'
import type { Initialised, ProjectTemplate, WrittenWorkflows } from '../../repository/index.js'
import { type Command, type CommandResult, toJson } from '../command.js'
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
    github: { type: 'boolean' },
    runner: { type: 'string' },
    branch: { type: 'string' },
    overwrite: { type: 'boolean' },
  },
  optionHelp: {
    template: `What to train: ${templates.join(', ')} (default: ${templates[0]})`,
    empty: 'Do not generate the 200 example samples',
    here: 'Create a repository in a folder that already contains other files',
    name: "Project name (default: the folder's name)",
    github: 'Write the GitHub Actions workflows, or merge a new version of them with your changes',
    runner:
      'With --github: label of the machine that trains, or several with commas (default: as before, or ubuntu-latest)',
    branch: 'With --github: branch that is released from (default: as before, or the current branch)',
    overwrite: 'With --github: replace workflows that cannot be merged',
  },
  choices: { template: templates },
  examples: [
    'sheikh init my-model',
    'sheikh init my-model --template command-python',
    'sheikh init --here --empty',
    'sheikh init --github',
  ],
  positionals: [0, 1],
  async run({ positionals, project, values }, { cwd, signal }) {
    const { initRepository, isProject, writeWorkflows } = await import('../../repository/index.js')
    const directory =
      positionals[0] === undefined ? project : terminalPath({ cwd }, positionals[0], 'the folder of the project')
    const isGitHub = values['github'] === true
    for (const name of ['runner', 'branch', 'overwrite'])
      if (values[name] !== undefined && !isGitHub)
        throw new SheikhError(
          'invalid-options',
          `Cannot use --${name} alone: it is an option of --github. Add --github.`,
        )
    const writes = async () => {
      const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
      const given = { runner: text('runner'), branch: text('branch'), overwrite: values['overwrite'] === true }
      return writeWorkflows(directory, { ...given, signal })
    }
    // A project that people changed is not completed again by the way.
    if (isGitHub && (await isProject(directory))) return workflowsResult(await writes(), directory)
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
    const workflows = isGitHub ? await writes() : undefined
    return {
      text: [...lines, ...(workflows === undefined ? [] : workflowLines(workflows))].join('\n'),
      json: toJson({ directory, commit: null, ...made, ...(workflows !== undefined && { workflows }) }),
    }
  },
}

const workflowsResult = (written: WrittenWorkflows, directory: string): CommandResult => ({
  text: workflowLines(written).join('\n'),
  json: toJson({ directory, workflows: written }),
})

function workflowLines(written: WrittenWorkflows): readonly string[] {
  const told = (paths: readonly string[], what: string) => (paths.length === 0 ? [] : [`${what}: ${shortList(paths)}.`])
  const { commit, added, updated, merged, removed, absent, notes } = written
  return [
    commit === undefined ? 'The workflows are up to date.' : `Committed the workflows (${commit.slice(0, 10)}).`,
    ...told(added, 'Added'),
    ...told(updated, 'Updated'),
    ...told(merged, 'Merged with your changes'),
    ...told(removed, 'Removed, because nothing needs them'),
    ...told(absent, 'Not written, because you deleted them'),
    ...notes.map((note) => `Note: ${note}`),
  ]
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
