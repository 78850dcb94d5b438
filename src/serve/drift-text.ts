import { type CallContext, messageOf } from '../core/index.js'
import { driftMetrics } from '../drift/index.js'
import type { HandlerSettings } from './options.js'

/** The drift report as lines for `/metrics`. A report that cannot be read has no lines, so that an alert on its absence fires. */
export function driftText(
  read: NonNullable<HandlerSettings<unknown>['drift']>,
  { log }: CallContext,
): () => Promise<string> {
  let said: string | undefined
  return async () => {
    try {
      const found = await read()
      said = undefined
      if (found === undefined) return ''
      const name = 'sheikh_drift_report_timestamp_seconds'
      const time = `# HELP ${name} When the drift report was made.\n# TYPE ${name} gauge\n${name} ${found.atMs / 1000}\n`
      return `${driftMetrics(found.report)}${time}`
    } catch (error) {
      const message = `Cannot show drift in /metrics: ${messageOf(error)}`
      if (message !== said) log.warn(message)
      said = message
      return ''
    }
  }
}
