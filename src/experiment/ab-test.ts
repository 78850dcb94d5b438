import { type CallContext, callContext, createRunId, messageOf } from '../core/index.js'
import { type ExperimentPlace, type FeedbackStore, pseudonyms } from '../feedback/index.js'
import type { ExperimentDecision } from '../gate/index.js'
import type { Release, Version } from '../releaser/index.js'
import { act, type LivePipeline } from './act.js'
import { variantOf } from './assign.js'
import { type Decision, decide } from './decide.js'
import { type Division, judgeDivision, judgeMetrics, type MetricComparison } from './judge.js'
import { clockSlackMs, type ExperimentOptions, type ExperimentPlan, planOf, refused } from './plan.js'
import { type ExperimentState, experimentsOf } from './state.js'
import { stopExperiment } from './stop.js'
import { Tally } from './tally.js'

export interface AbTestOptions extends ExperimentOptions {
  /** Has the releases and the ledger: a `Pipeline`. */
  readonly pipeline: LivePipeline
  /** Where exposures, answers and outcomes are kept. */
  readonly feedback: FeedbackStore
  /** The channel that the pipeline releases to. @default 'latest' */
  readonly channel?: string | undefined
  /** The channel to point at the treatment if it wins. @default none: the ledger records the result, and nothing moves */
  readonly promoteTo?: string | undefined
}

/** What a unit gets. */
export interface Assignment {
  readonly version: Version
  readonly variant: ExperimentPlace['variant']
  /** For the log. Absent after the end of the test. */
  readonly place?: ExperimentPlace | undefined
}

/** The comparison at this moment. Plain JSON. */
export interface ExperimentReport extends ExperimentState {
  readonly steps: number
  /** Confidence of each interval: 1 − alpha / (metrics × steps). */
  readonly confidence: number
  /** The units of the current step, or of the last one after the end. */
  readonly division: Division
  /** The metric that decides is the first. Empty if units were not divided as planned: results cannot be read then. */
  readonly metrics: readonly MetricComparison[]
  /** Outcomes that count for no unit: of units that saw no variant, or measured before they did. */
  readonly leftOut: number
  /** What the numbers of this moment ask for. `wait`: more units. */
  readonly decision: Decision
  /** Why the treatment could not be withdrawn or promoted. The next check tries again. */
  readonly pending?: string | undefined
}

/** A live test of two releases. */
export interface AbTest {
  /** The state as it was read last. `check` reads it again. */
  readonly state: ExperimentState
  /** The names of its metrics. */
  readonly metrics: readonly string[]
  /** What a unit gets: always the same within a step. Logs nothing. */
  assign(unit: string): Assignment
  /** As `assign`, and logs that the unit saw its variant. A log that fails is warned about and does not change the answer. */
  expose(unit: string): Promise<Assignment>
  /**
   * Logs a number that the host measured for a unit that saw a variant before.
   *
   * @param id of the outcome, if it may be sent twice. @default a new one
   * @throws `invalid-options`, `storage-failed`.
   */
  track(unit: string, metric: string, value: number, id?: string): Promise<void>
  /** Compares the variants. Valid at any time and as often as you like. Decides nothing. */
  report(parts?: Partial<CallContext>): Promise<ExperimentReport>
  /**
   * Compares the variants and does what the result asks for: the next step, or the end of the test with a withdrawal or a
   * promotion. The ledger records the decision first. Call it every minute or so, in every process that assigns.
   */
  check(parts?: Partial<CallContext>): Promise<ExperimentReport>
  /** Ends the test without a result: everybody gets the control. @throws `invalid-options` without a name and a reason. */
  stop(options: { readonly by: string; readonly reason: string }): Promise<void>
}

/**
 * Starts a live test, or continues it: its decisions are in the ledger, and its data in the feedback store.
 *
 * Units get a variant by a hash of the name and the unit. The comparison may be read at any time. Units, not outcomes, are
 * compared: several outcomes of one unit are not independent.
 *
 * @throws `invalid-options` if the plan is invalid, or differs from the one with which the test started.
 */
export async function abTest(options: AbTestOptions, parts: Partial<CallContext> = {}): Promise<AbTest> {
  const plan = planOf(options)
  const context = callContext(parts)
  const { pipeline, feedback, channel = 'latest', promoteTo } = options
  const { name, control, treatment } = plan
  const metricNames = new Set(plan.metrics.map((metric) => metric.name))
  const pseudonymOf = await pseudonyms(feedback, context)

  const note = (decision: Omit<ExperimentDecision, 'name' | 'control' | 'treatment'>) =>
    pipeline.noteExperiment({ name, control, treatment, ...decision })
  const read = async () => experimentsOf(await pipeline.ledger()).find((experiment) => experiment.name === name)

  const found = await read()
  if (found === undefined) {
    if (plan.untilMs !== undefined && !(plan.untilMs > context.clock.nowMs()))
      throw refused(`"untilMs" is ${plan.untilMs}, which is over`, 'Give a later time, in milliseconds since 1970')
    checkReleases(plan, await pipeline.history())
    await note({
      ...{ action: 'start', step: 0, share: plan.steps[0]!.share, plan: plan.digest, planned: plan.planned },
      reason: `compares ${treatment} with ${control} by ${[...metricNames].join(', ')}`,
    })
  }
  // Another process may have started it in the same moment.
  let state = (found ?? (await read()))!
  if (state.plan !== plan.digest)
    throw refused(`"${name}" has started with other options`, 'A test cannot change. Give the new one another name')

  /** Units whose exposure is in the store. */
  let exposed = new Set<string>()
  let pending: string | undefined

  const refresh = async () => {
    const before = state.step
    state = (await read()) ?? state
    if (state.step !== before) exposed = new Set()
  }

  function assign(unit: string): Assignment {
    const { status, step, share } = state
    const variant = status === 'ended' ? (share === 1 ? 'treatment' : 'control') : variantOf(name, unit, share)
    const version = variant === 'treatment' ? treatment : control
    return {
      version,
      variant,
      ...(status === 'running' && { place: { name, variant, unit: pseudonymOf(name, unit), step } }),
    }
  }

  async function compare({ signal }: CallContext): Promise<ExperimentReport> {
    const tally = new Tally(name, plan.metrics)
    const fromMs = state.startedAtMs - clockSlackMs
    for await (const entry of feedback.read({ fromMs }, { ...context, signal })) {
      signal.throwIfAborted()
      tally.add(entry)
    }
    const division = judgeDivision(plan, tally, state.step)
    const metrics = division.isMismatch ? [] : judgeMetrics(plan, tally, state.step)
    const decision = decide(plan, state, division, metrics, context.clock.nowMs())
    const { leftOut } = tally
    return { ...state, steps: plan.steps.length, confidence: plan.confidence, division, metrics, leftOut, decision }
  }

  const withPending = (report: ExperimentReport): ExperimentReport =>
    pending === undefined ? report : { ...report, pending }

  async function finish(): Promise<void> {
    try {
      await act(state, { pipeline, channel, promoteTo })
      pending = undefined
    } catch (error) {
      pending = messageOf(error)
      context.log.warn(`The live test ${name} has ended (${state.result}), but its result is not in force: ${pending}`)
    }
  }

  /** The report of the end, when nothing is left to do. */
  let done: ExperimentReport | undefined

  async function checkNow(within: CallContext): Promise<ExperimentReport> {
    // An end is final, so nothing is read again.
    if (done !== undefined) return done
    await refresh()
    const report = await compare(within)
    if (state.status === 'running' && report.decision.kind !== 'wait') {
      const { kind, reason } = report.decision
      if (kind === 'advance') {
        const step = report.step + 1
        await note({ action: 'advance', step, share: plan.steps[step]!.share, reason })
      } else await note({ action: 'end', step: report.step, share: kind === 'success' ? 1 : 0, reason, result: kind })
      await refresh()
      context.log.info(`The live test ${name}: ${reason}`)
    }
    if (state.status === 'ended') await finish()
    const checked = withPending({ ...report, ...state })
    if (state.status === 'ended' && pending === undefined) done = checked
    return checked
  }

  let checking: Promise<ExperimentReport> | undefined
  return {
    get state() {
      return state
    },
    metrics: [...metricNames],
    assign,
    async expose(unit) {
      const assignment = assign(unit)
      const { place } = assignment
      if (place === undefined || exposed.has(place.unit)) return assignment
      const id = `exposure/${name}/${place.step}/${place.unit}`
      const timeMs = context.clock.nowMs()
      try {
        await feedback.append([{ kind: 'exposure', id, timeMs, experiment: place }], context)
        if (exposed.size >= maximumRemembered) exposed = new Set()
        exposed.add(place.unit)
      } catch (error) {
        context.log.warn(`Cannot log an exposure of the live test ${name}: ${messageOf(error)}`)
      }
      return assignment
    },
    async track(unit, metric, value, id = createRunId(context.clock.nowMs())) {
      if (!metricNames.has(metric))
        throw refused(`it has no metric ${JSON.stringify(metric)}`, `Its metrics are ${[...metricNames].join(', ')}`)
      if (!Number.isFinite(value)) throw refused(`the outcome is ${value}`, 'Give a finite number')
      const experiment = { name, unit: pseudonymOf(name, unit) }
      const timeMs = context.clock.nowMs()
      await feedback.append(
        [{ kind: 'outcome', id: `outcome/${name}/${id}`, timeMs, experiment, metric, value }],
        context,
      )
    },
    async report(given = {}) {
      await refresh()
      return withPending(await compare(callContext({ ...context, ...given })))
    },
    check(given = {}) {
      checking ??= checkNow(callContext({ ...context, ...given })).finally(() => {
        checking = undefined
      })
      return checking
    },
    async stop(why) {
      await stopExperiment(pipeline, name, why)
      await refresh()
    },
  }
}

/** @throws `invalid-options`. */
function checkReleases({ control, treatment }: ExperimentPlan, history: readonly Release[]): void {
  const [first, second] = [control, treatment].map((version) => {
    const release = history.find((each) => each.version === version)
    if (release === undefined)
      throw refused(`there is no release ${version}`, 'List the releases with "sheikh history"')
    if (release.withdrawn !== undefined) throw refused(`${version} is withdrawn`, 'Choose another release')
    return release
  })
  if (first!.bundle === second!.bundle)
    throw refused(`${control} and ${treatment} are the same model`, 'Choose another release')
}

/** About 50 MB. A forgotten unit is logged again, and the store leaves it out. */
const maximumRemembered = 500_000
