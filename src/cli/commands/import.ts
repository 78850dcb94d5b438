import { SheikhError } from '../../core/index.js'
import { metricText } from '../../report/texts/index.js'
import { type Command, toJson } from '../command.js'
import { showWork } from '../progress.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'
import { whoDecides } from '../who-decides.js'

export const importCommand: Command = {
  name: 'import',
  usage: '<folder | hf:name/model@revision>',
  summary: 'Import an existing model as the first release (for data: sheikh import-data)',
  options: { version: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    version: 'Version of the release (default: the next after the tags of the source, or 0.1.0)',
    by: 'Who imports it (default: user.name and user.email of Git)',
  },
  examples: ['sheikh import ./model --version 1.4.0', 'sheikh import hf:team/spam@v1.3.0'],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const [source] = positionals as [string]
    const isOnHub = source.startsWith('hf:')
    const { sampleFormatOf } = await import('../../dataset/index.js')
    if (!isOnHub && sampleFormatOf(source) !== undefined)
      throw new SheikhError(
        'invalid-options',
        `Cannot import "${source}" as a model: it is a file of data, and a model is a folder. To import data: sheikh import-data ${source}`,
        { facts: { source } },
      )
    const repository = await open(project, terminal)
    showWork(terminal, 'import')
    const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
    const imported = await repository.import(
      isOnHub ? source : terminalPath(terminal, source, 'the folder of the model'),
      {
        version: text('version')?.replace(/^v/, ''),
        by: await whoDecides(repository, values['by'], 'import the model'),
      },
    )
    const { leftOut } = imported
    const { version, record } = imported.release
    return {
      text: [
        ...leftOut.map(({ path, reason }) => `Skipped ${JSON.stringify(path)}: it ${reason}.`),
        `Imported as ${version}${metricText(record)}. The next run is compared with this release.`,
      ].join('\n'),
      json: toJson(imported),
    }
  },
}
