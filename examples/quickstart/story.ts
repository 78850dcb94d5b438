import type { RunResult } from 'sheikh-freemium'

interface Step {
  readonly name: string
  readonly status: string
  readonly reason: string | null
  readonly version: string | null
  readonly accuracy: number | null
  readonly durationMs: number
}

/** How each step should end, if the library does what it says. Compared at the end; nothing is made to fit. */
const expected: Readonly<Record<string, readonly [status: string, reason: string | null, version: string | null]>> = {
  a: ['released', null, '0.1.0'],
  b: ['released', null, '0.1.1'],
  c: ['held', 'fail', null],
  d: ['up-to-date', null, '0.1.1'],
  e: ['restored', null, '0.1.2'],
  f: ['held', 'withdrawn', '0.1.1'],
  g: ['done', null, null],
  h: ['done', null, null],
}

/** Tells a stranger what happens, and a program how it ended. */
export class Story {
  report: string | null = null
  readonly #steps: Step[] = []
  readonly #say: (text: string) => void
  readonly #json: boolean

  constructor(json: boolean) {
    this.#json = json
    // With --json the last line of the output is for programs; the story goes beside it.
    this.#say = (text) => (json ? process.stderr : process.stdout).write(`${text}\n`)
  }

  say(text: string): void {
    this.#say(text)
  }

  async step(name: string, opening: string, act: () => Promise<RunResult | 'done'>): Promise<void> {
    this.say(`\n(${name}) ${opening}`)
    const startedMs = performance.now()
    const result = await act()
    const durationMs = Math.round(performance.now() - startedMs)
    this.#steps.push({ name, ...outcomeOf(result), durationMs })
    this.say(`   ${describe(result)} [${(durationMs / 1000).toFixed(1)} s]`)
  }

  /** @returns the exit code: 0 where every step ended as it should. */
  finish(): number {
    const wrong = this.#steps.filter(({ name, status, reason, version }) => {
      const [wantedStatus, wantedReason, wantedVersion] = expected[name]!
      return status !== wantedStatus || reason !== wantedReason || version !== wantedVersion
    })
    for (const { name, status, reason } of wrong)
      this.say(
        `\nStep (${name}) ended as ${status}${reason === null ? '' : ` (${reason})`}, and should have ended as ${expected[name]!.filter(Boolean).join(', ')}.`,
      )
    const { maxRSS } = process.resourceUsage()
    this.say(
      `\nIt took ${(performance.now() / 1000).toFixed(0)} s, and ${Math.round((maxRSS * 1024) / 1e6)} MB of memory at its peak.`,
    )
    if (wrong.length === 0)
      this.say(`All eight steps ended as they should. The report of the poisoned run: ${this.report}`)
    if (this.#json) process.stdout.write(`${JSON.stringify({ steps: this.#steps, report: this.report })}\n`)
    return wrong.length === 0 ? 0 : 1
  }
}

function outcomeOf(result: RunResult | 'done'): Omit<Step, 'name' | 'durationMs'> {
  if (result === 'done') return { status: 'done', reason: null, version: null, accuracy: null }
  const release = 'release' in result ? result.release : undefined
  const accuracy =
    result.status === 'released' || result.status === 'restored'
      ? (release?.record.metrics?.['accuracy'] ?? null)
      : null
  return {
    status: result.status,
    reason: 'reason' in result ? result.reason : null,
    version: release?.version ?? null,
    accuracy,
  }
}

function describe(result: RunResult | 'done'): string {
  if (result === 'done') return 'Done.'
  switch (result.status) {
    case 'released': {
      const accuracy = result.release.record.metrics?.['accuracy'] ?? Number.NaN
      return `Released as ${result.release.version}: accuracy ${(100 * accuracy).toFixed(1)} % on the pinned mails (bundle ${shortened(result.release.bundle)}). ${result.verdict.summary}`
    }
    case 'held':
      if (result.reason === 'withdrawn')
        return `Held: this data leads to ${result.release.version} again, which was rolled back from. The rollback stands.`
      return `Held (${result.reason}): nothing was released. ${result.verdict.summary}`
    case 'up-to-date':
      return `Up to date: ${result.release.version} was made of exactly this. Nothing was trained.`
    case 'restored':
      return `Restored: ${result.release.version} is ${result.restoredFrom} again, byte for byte (bundle ${shortened(result.release.bundle)}).`
    case 'awaiting-approval':
      return `Waits for a person: ${result.verdict.summary}`
    case 'awaiting-release':
      return 'Another machine decides on the release.'
  }
}

const shortened = (digest: string) => `${digest.slice(0, 19)}…`
