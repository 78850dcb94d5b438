import { SheikhError } from '../core/index.js'
import type { JobResources } from './job.js'
import type { JobMessage } from './job-message.js'

/**
 * The memory that a job may use.
 *
 * @throws `device-unavailable` if the worker does not compute on the device of the job; `invalid-options` if the job needs more
 * memory than the worker may use, or none.
 */
export function checkResources({ kind, resources }: JobMessage, worker: JobResources): number | undefined {
  const { device, memoryMb = worker.memoryMb } = resources
  const fail = (code: 'device-unavailable' | 'invalid-options', fact: string) =>
    new SheikhError(code, `Cannot run a job of the kind "${kind.name}": ${fact}`, { facts: { kind: kind.name } })
  if (device !== undefined && device !== worker.device)
    throw fail(
      'device-unavailable',
      `it needs the device "${device}", and the workers have ${worker.device === undefined ? 'none that is named' : `"${worker.device}"`}. Start workers with this device.`,
    )
  // Also in a job from a queue, where anybody may have written it: a limit that is not above 0 is none.
  if (memoryMb !== undefined && !(memoryMb > 0 && Number.isFinite(memoryMb)))
    throw fail('invalid-options', `"memoryMb" is ${memoryMb}, which is not above 0. Give a number of MB.`)
  if (memoryMb !== undefined && worker.memoryMb !== undefined && memoryMb > worker.memoryMb)
    throw fail(
      'invalid-options',
      `it needs ${memoryMb} MB of memory, and a worker may use ${worker.memoryMb}. Raise "memoryMb" of the executor.`,
    )
  return memoryMb
}
