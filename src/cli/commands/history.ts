import { moment, primaryMetric } from '../../report/texts/index.js'
import { type Command, toJson } from '../command.js'
import { open } from '../project.js'

export const history: Command = {
  name: 'history',
  usage: '',
  summary: 'List all releases, newest first',
  options: {},
  optionHelp: {},
  examples: ['sheikh history', 'sheikh history --json'],
  positionals: [0, 0],
  async run({ project }, terminal) {
    const repository = await open(project, terminal)
    const pipeline = await repository.pipeline()
    const releases = await pipeline.history()
    const current = await pipeline.current()
    const channels = await pipeline.channels()
    const lines = releases.map(({ version, publishedAtMs, record, withdrawn, removedAtMs, bundle }) =>
      [
        version === current?.version ? '*' : ' ',
        version.padEnd(8),
        moment(publishedAtMs),
        (primaryMetric(record)?.value ?? '–').padStart(7),
        bundle.slice(7, 19),
        record.commit?.slice(0, 10) ?? '',
        record.restoredFrom === undefined ? '' : `restored from ${record.restoredFrom}`,
        ...Object.keys(channels).filter((name) => channels[name] === version),
        withdrawn === undefined ? '' : `withdrawn: ${withdrawn.reason}`,
        removedAtMs === undefined ? '' : 'files removed',
      ]
        .filter((cell, column) => column < 6 || cell !== '')
        .join('  ')
        .trimEnd(),
    )
    return {
      text: lines.length === 0 ? 'No releases yet.' : lines.join('\n'),
      json: toJson({ current: current?.version ?? null, channels, releases }),
    }
  },
}
