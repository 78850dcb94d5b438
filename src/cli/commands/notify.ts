import { type Command, toJson } from '../command.js'
import { open, warningText } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'

export const notify: Command = {
  name: 'notify',
  usage: '',
  summary: 'Show who is notified of what, or send a test message to everybody',
  options: { test: { type: 'boolean' } },
  optionHelp: { test: 'Send a test message by every configured channel and show the answers' },
  examples: ['sheikh notify', 'sheikh notify --test'],
  positionals: [0, 0],
  async run({ project, values }, terminal) {
    const repository = await open(project, terminal)
    const { notifiers, problems, test } = await repository.notifiers()
    const deliveries = values['test'] === true ? await test() : undefined
    const width = Math.max(0, ...notifiers.map(({ name }) => name.length))
    const lines: readonly Text[] = [
      ...notifiers.map(({ name, events }): Text => {
        const delivery = deliveries?.find(({ notifier }) => notifier === name)
        if (delivery === undefined) return `${name.padEnd(width)}  ${events.join(', ')}`
        const mark = styled(delivery.ok ? 'good' : 'bad', delivery.ok ? 'sent' : 'not sent')
        return [`${name.padEnd(width)}  `, mark, `  ${delivery.answer}`]
      }),
      ...problems.map(warningText),
    ]
    const isFine = problems.length === 0 && deliveries?.every(({ ok }) => ok) !== false
    return {
      text:
        lines.length === 0
          ? 'Nobody is notified. Set notifications in mlops/pipeline.yaml: docs/notifications.md'
          : joinTexts(lines),
      json: toJson({
        channels: notifiers.map(({ name, events }) => ({ name, events })),
        problems,
        ...(deliveries !== undefined && { deliveries }),
      }),
      exitCode: isFine ? 0 : 1,
    }
  },
}
