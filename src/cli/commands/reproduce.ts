import { type Command, toJson } from '../command.js'
import { showProgress } from '../progress.js'
import { open } from '../project.js'

export const reproduce: Command = {
  name: 'reproduce',
  usage: '[version]',
  summary: 'Train a release again from scratch and compare the result byte for byte',
  options: {},
  optionHelp: {},
  examples: ['sheikh reproduce', 'sheikh reproduce 1.2.0'],
  positionals: [0, 1],
  async run({ project, positionals }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showProgress(pipeline, terminal)
    const version = positionals[0]?.replace(/^v/, '')
    const result = await pipeline.reproduce(version, { signal: terminal.signal })
    const { release, difference, files = [] } = result
    const { commit } = release.record
    const remedy =
      commit === undefined
        ? ''
        : `\nThe release was made from the commit ${commit}. To reproduce it from there: git switch --detach ${commit}`
    const text =
      result.status === 'reproduced'
        ? `Reproduced ${release.version} byte for byte.`
        : difference !== undefined
          ? `Not reproduced: the inputs of ${release.version} differ from the current ones. First difference, ${difference.path}:\n  then: ${JSON.stringify(difference.before)}\n  now:  ${JSON.stringify(difference.after)}${remedy}`
          : `Not reproduced: the same inputs gave different files.\n${files.map(({ path, difference: how }) => `  ${path}: ${how}`).join('\n')}`
    return { text, json: toJson(result), exitCode: result.status === 'reproduced' ? 0 : 2 }
  },
}
