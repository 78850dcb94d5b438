import type { RunEventOf, RunRecord } from '../pipeline/index.js'
import type { Notification, NotificationEvent } from './notification.js'

/** What happened in a run beside its end. */
export interface RunFacts {
  readonly end: Pick<RunEventOf<'run-end'>, 'status' | 'reason' | 'version'>
  readonly command?: RunRecord['command'] | undefined
  readonly withdrawn: readonly Pick<RunEventOf<'release-withdrawn'>, 'version' | 'reason'>[]
  /** The last channel that was pointed. */
  readonly channel?: string | undefined
  /** Absent if it cannot be read. */
  readonly record?: RunRecord | undefined
}

/** Errors in what people committed. */
const dataErrors: ReadonlySet<string | undefined> = new Set(['dataset-invalid', 'dataset-changed', 'template-invalid'])

/** The events of a run's end, the most exact one first. */
export function endEvents({ end, command, withdrawn }: Omit<RunFacts, 'record'>): readonly NotificationEvent[] {
  const { status, reason } = end
  const byStatus: Readonly<Record<string, readonly NotificationEvent[]>> = {
    released: ['released'],
    restored: [command === 'rollback' ? 'rolled_back' : 'restored'],
    promoted: ['promoted'],
    held: reason === 'fail' ? ['held', 'validation_failed'] : ['held'],
    'awaiting-approval': ['awaiting_approval'],
    'awaiting-release': ['awaiting_release'],
    failed: dataErrors.has(reason) ? ['failed', 'validation_failed'] : ['failed'],
  }
  return [...(byStatus[status] ?? []), ...(withdrawn.length > 0 ? (['withdrawn'] as const) : [])]
}

/** The words of a notification. */
export function describeRun(
  event: NotificationEvent,
  { end, withdrawn, channel, record }: RunFacts,
  runId: string,
): Pick<Notification, 'title' | 'summary' | 'version' | 'commit' | 'metrics' | 'next'> {
  const { version } = end
  const released = version ?? 'a release'
  const person = record?.decision?.by.replace(/\s*<[^>]*>/, '')
  const verdict = record?.verdict
  const status = end.status === 'failed' ? 'failed' : verdict === undefined ? end.status : verdict.summary
  const words: Readonly<Record<NotificationEvent, readonly [title: string, summary: string, next?: string]>> = {
    training_started: ['Training started', 'A run is training a candidate.'],
    training_completed: ['Training completed', 'The candidate is trained. Its evaluation follows.'],
    released: [
      `Released ${released}`,
      [`${released} is published.`, ...(person === undefined ? [] : [`Decided by ${person}.`])].join(' '),
      `sheikh report ${runId}`,
    ],
    restored: [
      `Restored ${record?.restoredFrom ?? 'an earlier release'} as ${released}`,
      `${released} is identical to ${record?.restoredFrom ?? 'an earlier release'}.`,
    ],
    promoted: [
      `Promoted ${released}`,
      channel === undefined ? `${released} was promoted.` : `The channel ${channel} points at ${released}.`,
    ],
    rolled_back: [
      `Rolled back to ${record?.restoredFrom ?? 'an earlier release'}`,
      [
        `${released} is identical to ${record?.restoredFrom ?? 'an earlier release'}.`,
        ...withdrawn.map((each) => `${each.version} is withdrawn: ${each.reason}.`),
      ].join(' '),
    ],
    held: [
      'Candidate held',
      end.reason === 'withdrawn'
        ? `This data and configuration give ${released}, which is withdrawn.`
        : `Nothing was released. ${verdict?.summary ?? ''}`.trim(),
      `sheikh report ${runId}`,
    ],
    awaiting_approval: [
      'Approval needed',
      `A person must decide. ${verdict?.summary ?? ''}`.trim(),
      `sheikh approve ${runId} --reason "…"`,
    ],
    awaiting_release: [
      'Awaiting release',
      `Nothing is published yet: the release decides. ${verdict?.summary ?? ''}`.trim(),
      `sheikh release ${runId}`,
    ],
    failed: ['Run failed', `The run ended with an error${code(end.reason)}.`, `sheikh report ${runId}`],
    validation_failed: [
      'Validation failed',
      end.status === 'failed' ? `The samples or prompts cannot be used${code(end.reason)}.` : status,
      end.status === 'failed' ? 'sheikh validate' : `sheikh report ${runId}`,
    ],
    withdrawn: [
      `Withdrawn: ${withdrawn.map((each) => each.version).join(', ')}`,
      withdrawn.map((each) => `${each.version} is withdrawn: ${each.reason}.`).join(' '),
    ],
  }
  const [title, summary, next] = words[event]
  const metrics = (verdict?.findings ?? [])
    .filter(({ metric, slice, status }) => metric !== undefined && slice === undefined && status !== 'not-applicable')
    .slice(0, 4)
    .map((finding) => shorten(`${finding.status}: ${finding.reason}`))
  return {
    title: shorten(title),
    summary: shorten(summary),
    ...(version !== undefined && { version }),
    ...(record?.commit !== undefined && { commit: record.commit.slice(0, 12) }),
    ...(metrics.length > 0 && end.status !== 'failed' && { metrics }),
    ...(next !== undefined && { next }),
  }
}

const code = (reason: string | undefined) => (reason === undefined ? '' : `: ${reason}`)

const longestSentence = 600
const shorten = (text: string) => {
  const letters = [...text.slice(0, 2 * longestSentence)]
  return letters.length <= longestSentence ? text : `${letters.slice(0, longestSentence).join('')}…`
}
