import { type Json, SheikhError } from '../../core/index.js'
import type { FitContext, TrainerEnvironment, TrainProgress } from '../trainer.js'
import { parseJsonLine } from './json-line.js'

/** Minimum time between two forwarded reports. */
const betweenMs = 250
/** Maximum number of points in a loss curve, as in `CandidateRecord`. */
const longestCurve = 1_000

export interface ProgressReader {
  /** The environment that the program reported: `{"environment":{"packages":{…},"device":…}}`. */
  readonly environment: () => TrainerEnvironment | undefined
  /** Whether the line belongs to the protocol. @throws `train-diverged` for a loss that is not finite. */
  readonly read: (line: string) => boolean
  /** Forwards the last report without waiting. */
  readonly end: () => void
  readonly lossCurve: () => readonly (readonly [step: number, loss: number])[]
}

const fields = ['epoch', 'epochs', 'step', 'steps', 'loss', 'learningRate'] as const

/**
 * Reads `{"progress":{…}}` and `{"environment":{…}}` lines: forwards a few reports per second, and thins them to a loss
 * curve.
 */
export function progressReader(context: Pick<FitContext, 'progress' | 'clock'>): ProgressReader {
  let waiting: TrainProgress | undefined
  let passedAtMs = Number.NEGATIVE_INFINITY
  let curve: (readonly [number, number])[] = []
  let stride = 1
  let count = 0
  let environment: TrainerEnvironment | undefined
  const pass = (report: TrainProgress, nowMs: number) => {
    waiting = undefined
    passedAtMs = nowMs
    context.progress(report)
  }
  return {
    read(line) {
      if (/^\s*\{\s*"environment"/.test(line)) {
        const told = environmentOf(parseJsonLine(line)?.['environment'])
        environment = told ?? environment
        return told !== undefined
      }
      if (!/^\s*\{\s*"progress"/.test(line)) return false
      const report = reportOf(parseJsonLine(line)?.['progress'])
      if (report === undefined) return false
      // By count, not by time, so that identical trainings have identical curves.
      if (count % stride === 0) curve.push([report.step, report.loss])
      count += 1
      if (curve.length > longestCurve) {
        curve = curve.filter((_, index) => index % 2 === 0)
        stride *= 2
      }
      waiting = report
      const nowMs = context.clock.nowMs()
      if (nowMs - passedAtMs >= betweenMs) pass(report, nowMs)
      return true
    },
    end() {
      if (waiting !== undefined) pass(waiting, context.clock.nowMs())
    },
    lossCurve: () => curve,
    environment: () => environment,
  }
}

/**
 * undefined if the value is not a valid report. Such a line is logged like any other, because an invalid report does
 * not affect the weights.
 */
function reportOf(value: unknown): TrainProgress | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const report = value as Record<(typeof fields)[number], unknown>
  // JavaScript writes NaN as null in JSON; Python writes NaN.
  if ('loss' in report && !Number.isFinite(report.loss))
    throw new SheikhError(
      'train-diverged',
      `Training diverged: the loss of step ${String(report.step)} is not finite. Nothing was saved. Try a smaller learning rate.`,
      { facts: { step: report.step } },
    )
  if (
    !fields.every(
      (field) => Number.isFinite(report[field]) && (report[field] as number) >= (field === 'loss' ? -Infinity : 0),
    )
  )
    return undefined
  const { epoch, epochs, step, steps, loss, learningRate } = report as unknown as TrainProgress
  return { epoch, epochs, step, steps, loss, learningRate }
}

function environmentOf(value: unknown): TrainerEnvironment | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { packages = {}, device = null } = value as { readonly packages?: unknown; readonly device?: Json }
  const isTable = typeof packages === 'object' && packages !== null && !Array.isArray(packages)
  if (!isTable || !Object.values(packages).every((version) => typeof version === 'string')) return undefined
  return { packages: packages as TrainerEnvironment['packages'], device }
}
