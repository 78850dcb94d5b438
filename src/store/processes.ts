import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** Who a process is, so that another with the same number is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number
  /** Clock ticks from boot to its start; absent where the system does not tell. */
  readonly processStartTime?: string | undefined
  /** Absent if the system does not tell. */
  readonly bootId?: string | undefined
  /** The set of processes that it can see: one per container on Linux. Absent if the system does not tell. */
  readonly pidNamespace?: string | undefined
  readonly hostname: string
}

/**
 * Whether one process can tell that the other lives. Two containers may share a host name and a boot but not see each
 * other's processes, and two hosts may share a name.
 */
export function canSee(self: ProcessIdentity, other: ProcessIdentity): boolean {
  if (self.bootId !== other.bootId || self.pidNamespace !== other.pidNamespace) return false
  return self.bootId !== undefined || self.hostname === other.hostname
}

/** The processes of this host, as far as a lock must know them. Injected by tests. */
export interface HostProcesses {
  self(): ProcessIdentity
  /** Whether a process of this host and boot runs. Where it cannot be told, it does: a lock is not taken on a guess. */
  isAlive(pid: number, processStartTime: string | undefined): Promise<boolean>
}

export const hostProcesses: HostProcesses = {
  self() {
    return {
      pid: process.pid,
      processStartTime: statusOf(process.pid)?.startTime,
      bootId: read('/proc/sys/kernel/random/boot_id')?.trim(),
      pidNamespace: pidNamespace(),
      hostname: hostname(),
    }
  },
  async isAlive(pid, processStartTime) {
    try {
      process.kill(pid, 0)
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== 'ESRCH'
    }
    const status = statusOf(pid)
    if (status === undefined) return true
    // A killed process that its parent has not waited for is still listed, as a zombie. It holds nothing any more.
    if (status.state === 'Z' || status.state === 'X') return false
    return processStartTime === undefined || status.startTime === processStartTime
  },
}

/** proc(5): field 3 is the state and 22 the start time. Field 2, the name in parentheses, may itself hold spaces and parentheses. */
function statusOf(pid: number): { readonly state: string; readonly startTime: string } | undefined {
  const text = read(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  const startTime = fields[19]
  return state === undefined || startTime === undefined ? undefined : { state, startTime }
}

/** pid_namespaces(7): `pid:[4026531836]`. The number is unique among the namespaces of one boot that exist at one time. */
function pidNamespace(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return undefined
  }
}

// Files of the kernel: read from memory, at once.
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
