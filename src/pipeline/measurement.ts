// How long stages took. Advice for people: nothing is decided by it, and it is part of no key and no bundle.
import { availableParallelism } from 'node:os'
import type { Json } from '../core/index.js'
import type { RunMeasurement } from '../releaser/index.js'
import type { TrainerEnvironment } from '../trainer/index.js'
import type { RunRecord } from './run-result.js'

/** Longer text is no name, and a record from elsewhere may contain anything. */
const longestName = 60

/** The device of the trainer and the number of cores, such as `wasm, 2 cores`. Not the host name: a registry may be public. */
export function machineOf(environment: TrainerEnvironment | undefined): string {
  const cores = availableParallelism()
  return [...deviceName(environment?.device), cores === 1 ? '1 core' : `${cores} cores`].join(', ')
}

/** What the run of this record measured; for `release`, what the run that trained the model did. */
export function measurementOf({ runId, command, machine, measured, stages }: RunRecord): RunMeasurement | undefined {
  if (command === 'release') return measured
  const executed = stages.filter(({ cached, resumed }) => !cached && resumed !== true)
  if (executed.length === 0) return undefined
  const durations = new Map<string, number>()
  // Several candidates are trained and judged in stages of the same name.
  for (const { name, candidate, durationMs } of executed)
    durations.set(name, (candidate === undefined ? 0 : (durations.get(name) ?? 0)) + durationMs)
  return { runId, ...(machine !== undefined && { machine }), durationsMs: Object.fromEntries(durations) }
}

/** The same of a record that another machine wrote: its text is not trusted, so it stays short. */
export function claimedMeasurement(record: RunRecord): RunMeasurement | undefined {
  const claimed = measurementOf({ ...record, command: 'run' })
  return claimed && { ...claimed, ...(claimed.machine !== undefined && { machine: plainName(claimed.machine) }) }
}

export const plainName = (name: string): string => name.replaceAll(/\p{Cc}+/gu, ' ').slice(0, longestName)

function deviceName(device: Json | undefined): readonly string[] {
  if (typeof device === 'string') return [plainName(device)]
  if (typeof device !== 'object' || device === null || Array.isArray(device)) return []
  const named = (device as Readonly<Record<string, Json>>)['device']
  return typeof named === 'string' ? [plainName(named)] : []
}
