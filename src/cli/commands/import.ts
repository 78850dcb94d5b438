import { type Command, toJson } from '../command.js'
import { metricText } from '../primary-metric.js'
import { open } from '../project.js'
import { terminalPath } from '../terminal-path.js'
import { whoDecides } from '../who-decides.js'

export const importCommand: Command = {
  name: 'import',
  usage: '<folder | hf:name/model@revision>',
  summary: 'take a model that lives elsewhere as the first release',
  options: { version: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    version: 'the version that it gets (default: after those tagged there, or 0.1.0)',
    by: 'who brings it (default: the user of Git)',
  },
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const [source] = positionals as [string]
    const repository = await open(project, terminal)
    const text = (name: string) => (typeof values[name] === 'string' ? values[name] : undefined)
    const imported = await repository.import(
      source.startsWith('hf:') ? source : terminalPath(terminal, source, 'the folder of the model'),
      {
        version: text('version')?.replace(/^v/, ''),
        by: await whoDecides(repository, values['by'], 'import the model'),
      },
    )
    const { leftOut } = imported
    const { version, record } = imported.release
    return {
      text: [
        ...leftOut.map(({ path, reason }) => `Left out ${JSON.stringify(path)}: it ${reason}.`),
        `Imported as ${version}${metricText(record)}. The next run is compared with it.`,
      ].join('\n'),
      json: toJson(imported),
    }
  },
}
