export { evaluate } from './evaluate.js'
export type { Evaluation, Metric, MetricColumn, Outcome } from './evaluation.js'
