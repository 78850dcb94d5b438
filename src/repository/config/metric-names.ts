import {
  accuracy,
  crossEntropy,
  exactMatch,
  f1,
  logLoss,
  type Metric,
  macroF1,
  macroPrecision,
  macroRecall,
  precision,
  recall,
} from '../../evaluation/index.js'

const metrics: Readonly<Record<string, () => Metric>> = {
  accuracy,
  exact_match: exactMatch,
  precision: macroPrecision,
  recall: macroRecall,
  f1: macroF1,
  log_loss: logLoss,
  cross_entropy: crossEntropy,
}
const ofLabel: Readonly<Record<string, (label: string) => Metric>> = { precision, recall, f1 }

export const metricNames: readonly string[] = [
  ...Object.keys(metrics),
  ...Object.keys(ofLabel).map((name) => `${name}(label)`),
]

/** A metric as configuration files name it: `log_loss` or `log-loss`, `f1` for the mean over labels, `f1(spam)` for one. */
export function metricNamed(name: string): Metric | undefined {
  const [, measure, label] = /^(\w+)\((.+)\)$/.exec(name) ?? []
  if (measure !== undefined) return Object.hasOwn(ofLabel, measure) ? ofLabel[measure]!(label!) : undefined
  const plain = name.replaceAll('-', '_')
  return Object.hasOwn(metrics, plain) ? metrics[plain]!() : undefined
}
