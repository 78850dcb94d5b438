import { createRedactor } from '../../core/index.js'
import { duration, moment } from '../../report/texts/index.js'
import type { WatchEvent } from '../../repository/index.js'
import { type Command, toJson } from '../command.js'
import { usageError } from '../command-table.js'
import { mapStrings } from '../printable.js'
import { warningText } from '../project.js'
import { type Style, styled, type Text } from '../styled-text.js'

export const watch: Command = {
  name: 'watch',
  usage: '',
  summary: 'Follow a branch of the remote and run what its triggers and schedules ask for',
  options: { branch: { type: 'string' }, interval: { type: 'string' }, once: { type: 'boolean' } },
  optionHelp: {
    branch: 'Branch of the remote (default: the upstream of the branch that is checked out)',
    interval: 'Seconds between two fetches (default: 60)',
    once: 'Fetch once, run if needed, and exit with the exit code of the run; for cron',
  },
  examples: ['sheikh watch --interval 30', 'sheikh watch --once --json'],
  positionals: [0, 0],
  async run({ project, json, values }, terminal) {
    const { watchProject } = await import('../../repository/index.js')
    const redact = createRedactor()
    const { branch, interval, once = false } = values
    const events = watchProject(project, {
      signal: terminal.signal,
      once: once === true,
      // The same program as this one, which may be newer at the next run.
      program: [process.execPath, ...process.execArgv, process.argv[1]!],
      ...(typeof branch === 'string' && { branch }),
      ...(typeof interval === 'string' && { intervalMs: intervalOf(interval) }),
    })
    for await (const event of events) {
      if (event.type === 'stopped')
        return { text: once === true ? 'Done.' : 'Stopped.', json: toJson(event), exitCode: event.exitCode }
      // Each text separately, as for all JSON: a secret's pattern could match across two members.
      if (json) terminal.out(`${JSON.stringify(mapStrings(toJson(event), redact))}\n`)
      else if (event.type === 'run-end') terminal.out([runLine(event), '\n'])
      else terminal.err([...noteOf(event), '\n'])
    }
    throw new Error('the watcher ended without its last event')
  },
}

function intervalOf(text: string): number {
  const seconds = Number(text)
  if (text.trim() !== '' && Number.isFinite(seconds)) return 1000 * seconds
  throw usageError(
    `Cannot use --interval ${JSON.stringify(text)}: it is not a number of seconds.`,
    'sheikh watch --help',
  )
}

const styles: Readonly<Partial<Record<string, Style>>> = {
  released: 'good',
  restored: 'good',
  held: 'bad',
  failed: 'bad',
  'awaiting-approval': 'open',
}

/** One line for each run. */
function runLine(event: Extract<WatchEvent, { type: 'run-end' }>): Text {
  const { atMs, commit, status, version, message, durationMs, retryInMs } = event
  return [
    `${moment(atMs)}  ${commit.slice(0, 10)}  `,
    styled(styles[status] ?? 'faint', status),
    `${version === undefined ? '' : ` ${version}`}  ${duration(durationMs)}  ${message.replaceAll('\n', ' ')}`,
    ...(retryInMs === undefined ? [] : [` It is run again in ${duration(retryInMs)}.`]),
  ]
}

function noteOf(event: Exclude<WatchEvent, { type: 'run-end' | 'stopped' }>): readonly (Text & unknown)[] {
  switch (event.type) {
    case 'watching':
      return [`Watching "${event.branch}" of ${event.remote} every ${duration(event.intervalMs)}.`]
    case 'updated': {
      const { commit, commits, dependencies } = event
      const updated = `Updated to ${commit.slice(0, 10)}: ${commits === 1 ? '1 new commit' : `${commits} new commits`}.`
      return dependencies.length === 0
        ? [updated]
        : [updated, '\n', warningText(`${dependencies.join(', ')} changed. The dependencies may have to be installed.`)]
    }
    case 'run-start':
      return [
        `Running ${event.commit.slice(0, 10)}${event.schedule === undefined ? '' : `, schedule "${event.schedule}"`}${event.attempt === 1 ? '' : `, attempt ${event.attempt}`} …`,
      ]
    case 'run-output':
      return [event.line]
    case 'blocked':
      return [warningText(event.message)]
    case 'unblocked':
      return [`Continuing: ${unblocked[event.obstacle]}.`]
  }
}

const unblocked = {
  remote: 'the remote answers again',
  diverged: 'the branch contains this checkout again',
  checkout: 'the checkout can be used again',
  locked: 'the other run has ended',
} as const
