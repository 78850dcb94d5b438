import { digestJson, hexOf } from '../core/index.js'
import type { HostProcesses } from './processes.js'

/** A name for this process, of letters, digits and hyphens, for files and folders that only it uses. */
export function processName(processes: HostProcesses): string {
  const { pid, processStartTime } = processes.self()
  return `${pid}-${processStartTime ?? 'unknown'}-${placeOf(processes)}`
}

/**
 * Whether the process that `processName` named is gone.
 *
 * @returns `'unseen'` for a process of another host, boot or container, which cannot be seen from here; `undefined` for
 * any other name.
 */
export async function isProcessGone(name: string, processes: HostProcesses): Promise<boolean | 'unseen' | undefined> {
  const [, pid, startTime, place] = /^(\d+)-(\d+|unknown)-([0-9a-f]{12})$/.exec(name) ?? []
  if (pid === undefined) return undefined
  if (name === processName(processes)) return false
  if (place !== placeOf(processes)) return 'unseen'
  return !(await processes.isAlive(Number(pid), startTime === 'unknown' ? undefined : startTime))
}

/** Processes with the same place can see each other: see `canSee`. */
function placeOf(processes: HostProcesses): string {
  const { bootId, pidNamespace, hostname } = processes.self()
  return hexOf(digestJson([bootId ?? hostname, pidNamespace ?? null])).slice(0, 12)
}
