import { join } from 'node:path'
import { type Log, messageOf, webAddress } from '../core/index.js'
import type { Pipeline } from '../pipeline/index.js'
import { trackByMlflow, trackByTensorBoard } from '../pipeline/track/index.js'
import type { Configuration } from './config/index.js'
import { storePath } from './layout.js'
import type { Surroundings } from './release-targets.js'

/** Tells those that `report_to` names of every run. */
export function track(
  pipeline: Pipeline<unknown, unknown>,
  { pipeline: { name }, training: { reportTo = [] } }: Configuration,
  { shared, environment }: Surroundings,
  log: Log,
): void {
  if (reportTo.includes('tensorboard'))
    trackByTensorBoard(pipeline, { directory: join(shared, storePath, 'tensorboard') })
  if (!reportTo.includes('mlflow')) return
  const trackingUri = environment['MLFLOW_TRACKING_URI']
  if (!trackingUri) {
    log.warn('MLflow is told nothing: MLFLOW_TRACKING_URI is not set', {})
    return
  }
  const experiment = environment['MLFLOW_EXPERIMENT_NAME'] || name
  const token = environment['MLFLOW_TRACKING_TOKEN'] || undefined
  try {
    webAddress(trackingUri, 'MLFLOW_TRACKING_URI', 'https://mlflow.example.com')
    trackByMlflow(pipeline, { trackingUri, experiment, token, log })
  } catch (error) {
    // A path or a name, as MLflow's own clients take it, is no server.
    log.warn(`MLflow tracking is disabled: ${messageOf(error)}`, {})
  }
}
