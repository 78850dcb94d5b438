import { hostname } from 'node:os'
import { packageVersion } from '../package-version.js'

/** Who a worker is. `null`: its name does not say. */
export interface WorkerIdentity {
  readonly version: string | null
  readonly pid: number | null
  readonly host: string | null
}

/** Names a worker in the list of connections of the server. PostgreSQL keeps 63 characters of the name and its prefix. */
export const workerName = (): string =>
  `${packageVersion()}/${process.pid}/${hostname()
    .replace(/[^\w.-]/g, '-')
    .slice(0, 24)}`

/** Reads what `workerName` wrote. Another program may have connected a worker with another name. */
export function parseWorkerName(name: string): WorkerIdentity {
  const [, version, pid, host] = /^([\w.+-]+)\/(\d+)\/([\w.-]+)$/.exec(name) ?? []
  if (version === undefined || host === undefined) return { version: null, pid: null, host: null }
  return { version, pid: Number(pid), host }
}
