import { readFileSync } from 'node:fs'

/**
 * Peak resident memory of this process, in KiB. On Linux, `maxRSS` is at least that of the process that started this one, so
 * a small process looks as large as the bench.
 */
export function peakMemoryKb() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))[1])
}
