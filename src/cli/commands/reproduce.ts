import { type Command, toJson } from '../command.js'
import { showProgress } from '../progress.js'
import { open } from '../project.js'

export const reproduce: Command = {
  name: 'reproduce',
  usage: '[version]',
  summary: 'train a release again from nothing, and compare its bytes',
  options: {},
  optionHelp: {},
  positionals: [0, 1],
  async run({ project, positionals }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    showProgress(pipeline, terminal)
    const version = positionals[0]?.replace(/^v/, '')
    const result = await pipeline.reproduce(version, { signal: terminal.signal })
    const { release, difference, files = [] } = result
    const { commit } = release.record
    const remedy = commit === undefined ? '' : `\nIt was made of ${commit}: git switch --detach ${commit}, and again.`
    const text =
      result.status === 'reproduced'
        ? `Reproduced: ${release.version}, byte for byte.`
        : difference !== undefined
          ? `Not reproduced: ${release.version} was made of something else. The first that differs is ${difference.path}:\n  then: ${JSON.stringify(difference.before)}\n  now:  ${JSON.stringify(difference.after)}${remedy}`
          : `Not reproduced: the same inputs gave other bytes.\n${files.map(({ path, difference: how }) => `  ${path}: ${how}`).join('\n')}`
    return { text, json: toJson(result), exitCode: result.status === 'reproduced' ? 0 : 2 }
  },
}
