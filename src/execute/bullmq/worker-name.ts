import { hostname } from 'node:os'
import { packageVersion } from '../package-version.js'

/** Names a worker in the list of connections of the server. PostgreSQL keeps 63 characters of the name and its prefix. */
export const workerName = (): string =>
  `${packageVersion()}/${process.pid}/${hostname()
    .replace(/[^\w.-]/g, '-')
    .slice(0, 24)}`
