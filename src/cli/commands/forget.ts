import type { ForgetPlan, ReleaseWithSample, SampleFile } from '../../repository/index.js'
import { commitText, oneLine, problemTexts } from '../audit-text.js'
import { type Command, toJson } from '../command.js'
import { showWork } from '../progress.js'
import { open } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

export const forget: Command = {
  name: 'forget',
  usage: '<sample>',
  summary: 'Plan how to erase a sample from data, releases, caches and history; changes nothing',
  options: {},
  optionHelp: {},
  examples: ['sheikh forget ticket-0042', 'sheikh forget ticket-0042 --json'],
  positionals: [1, 1],
  async run({ project, positionals }, terminal) {
    const repository = await open(project, terminal)
    showWork(terminal, 'forget')
    const plan = await repository.planForget(positionals[0]!)
    return { text: joinTexts(linesOf(plan)), json: toJson(plan) }
  },
}

const mostFiles = 20

function linesOf({ id, now, pinned, releases, files, history, steps, limits, problems }: ForgetPlan): readonly Text[] {
  const { events, blobs } = history
  const place =
    now === undefined ? 'not in the work tree' : `${oneLine(now.path)}${now.position && `, ${now.position}`}`
  return [
    [styled('strong', `Plan to erase ${oneLine(id)}`), ' (nothing was changed)'],
    `Now: ${place}${pinned === undefined ? '' : `; in the evaluation set as ${pinned}`}`,
    ...problemTexts(problems),
    '',
    styled('strong', `Releases with a trace of it: ${releases.length}`),
    ...releases.map(releaseText),
    '',
    styled('strong', `Files on this machine: ${files.length}`),
    ...fileTexts(files),
    '',
    styled(
      'strong',
      `Git history: ${blobs.length} ${blobs.length === 1 ? 'version of a file' : 'versions of files'} in ${events.length} ${events.length === 1 ? 'commit' : 'commits'}`,
    ),
    ...events.map((event) => `  ${commitText(event)}`),
    '',
    styled('strong', 'Steps'),
    ...steps.flatMap(({ step, commands, note }, index): readonly Text[] => [
      `  ${index + 1}. ${oneLine(step)}`,
      ...commands.map((command) => `       ${command.replace(/[\r\n\t]/g, '?')}`),
      ...(note === undefined ? [] : [styled('faint', `     ${oneLine(note)}`)]),
    ]),
    '',
    styled('strong', 'What is not known'),
    ...limits.map((limit) => `  - ${limit}`),
  ]
}

const records = { scores: 'its score', ids: 'its id', digest: 'a digest of its id' } as const

function releaseText({
  version,
  trainedOn,
  use,
  through,
  record,
  channels,
  withdrawn,
  removed,
  reason,
}: ReleaseWithSample): Text {
  const how =
    through !== undefined
      ? `trained on it through ${through}`
      : trainedOn === true
        ? 'trained on it'
        : trainedOn === 'unknown'
          ? `unknown whether it was trained on it: ${oneLine(reason ?? '')}`
          : use === 'evaluation'
            ? 'evaluated with it'
            : 'not trained on it'
  const more = [
    ...(record.length > 0 ? [`its record contains ${record.map((trace) => records[trace]).join(' and ')}`] : []),
    ...(channels.length > 0 ? [`channels: ${channels.join(', ')}`] : []),
    ...(withdrawn ? ['withdrawn'] : []),
    ...(removed ? ['files removed'] : []),
  ]
  return [
    `  ${version}  `,
    trainedOn === false ? how : styled('bad', how),
    more.length === 0 ? '' : `; ${more.join('; ')}`,
  ]
}

function fileTexts(files: readonly SampleFile[]): readonly Text[] {
  const holds = { text: 'its text', id: 'its id', digest: 'a digest of it' } as const
  const shown = files.slice(0, mostFiles)
  return [
    ...shown.map(({ path, content }) => `  ${oneLine(path)}: ${holds[content]}`),
    ...(files.length > shown.length ? [`  … and ${files.length - shown.length} more: --json lists all`] : []),
  ]
}
