import type { SampleBlame, SampleEvent, SampleRelease, SampleUse } from '../../repository/index.js'
import { commitText, oneLine, problemTexts } from '../audit-text.js'
import { type Command, toJson } from '../command.js'
import { showWork } from '../progress.js'
import { open } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

export const blame: Command = {
  name: 'blame',
  usage: '<sample>',
  summary: 'Show who added, changed and removed a sample, and which releases used it',
  options: {},
  optionHelp: {},
  examples: ['sheikh blame ticket-0042', 'sheikh blame ticket-0042 --json'],
  positionals: [1, 1],
  async run({ project, positionals }, terminal) {
    const repository = await open(project, terminal)
    showWork(terminal, 'blame')
    const found = await repository.blame(positionals[0]!)
    return { text: joinTexts(linesOf(found)), json: toJson(found) }
  },
}

const uses: Readonly<Record<SampleUse, string>> = {
  training: 'used for training',
  evaluation: 'in the evaluation set',
  'excluded-by-group': 'excluded, because its group is in the evaluation set',
  'not-selected': 'not trained on: for early stopping, or not selected',
  absent: 'not in the dataset',
}

function linesOf({ id, now, events, releases, problems }: SampleBlame): readonly Text[] {
  const used = releases.filter(({ use, through }) => use !== 'absent' || through !== undefined)
  const others = releases.length - used.length
  const group = now?.group === undefined ? '' : `, group ${oneLine(now.group)}`
  return [
    now === undefined
      ? [styled('strong', oneLine(id)), ' is not in the work tree.']
      : [
          [styled('strong', oneLine(id)), ` is in ${placeText(now)}${group}`],
          now.use === undefined ? '.' : `: ${uses[now.use]}.`,
        ],
    ...problemTexts(problems),
    '',
    styled('strong', `Commits: ${events.length}`),
    ...events.flatMap((event) => [`  ${commitText(event)}`, `      ${eventText(event)}`]),
    '',
    styled('strong', `Releases: ${used.length} of ${releases.length}`),
    ...used.map(releaseText),
    ...(others > 0 ? [`  ${others} ${others === 1 ? 'release' : 'releases'} did not use it.`] : []),
  ]
}

const placeText = ({ path, position }: { readonly path: string; readonly position: string }) =>
  `${oneLine(path)}${position === '' ? '' : `, ${oneLine(position)}`}`

function eventText(event: SampleEvent): string {
  const { change, movedFrom = '', edited } = event
  const place = placeText(event)
  switch (change) {
    case 'present':
      return `present in ${place}; older commits are unknown`
    case 'removed':
      return `removed from ${place}`
    case 'moved':
      return `moved from ${oneLine(movedFrom)} to ${place}${edited === true ? ', and changed' : ''}`
    case 'added':
      return `added to ${place}`
    case 'changed':
      return `changed in ${place}`
  }
}

function releaseText(release: SampleRelease): Text {
  const { version, use, reason, through, restoredFrom, channels, withdrawn, removed } = release
  const isTrained = use === 'training' || through !== undefined
  const what = {
    training: 'trained on it',
    evaluation: 'evaluated with it',
    'excluded-by-group': 'did not use it: its group is in the evaluation set',
    'not-selected': 'not trained on it: for early stopping, or not selected',
    absent: 'did not use it itself',
    unknown: `unknown: ${oneLine(reason ?? '')}`,
  }[use]
  const more = [
    ...(through === undefined ? [] : [`made from ${through}, which was trained on it`]),
    ...(restoredFrom === undefined ? [] : [`the model of ${restoredFrom}`]),
    ...(channels.length === 0 ? [] : [`channels: ${channels.join(', ')}`]),
    ...(withdrawn ? ['withdrawn'] : []),
    ...(removed ? ['files removed'] : []),
  ]
  return [
    `  ${version}  `,
    styled(isTrained ? 'strong' : 'faint', what),
    more.length === 0 ? '' : `; ${more.join('; ')}`,
  ]
}
