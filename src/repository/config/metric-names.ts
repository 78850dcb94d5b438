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
import { type Values, valuesAt } from './values.js'

const metrics: Readonly<Record<string, () => Metric>> = {
  accuracy,
  exact_match: exactMatch,
  precision: macroPrecision,
  recall: macroRecall,
  f1: macroF1,
  macro_precision: macroPrecision,
  macro_recall: macroRecall,
  macro_f1: macroF1,
  log_loss: logLoss,
  cross_entropy: crossEntropy,
}
const ofLabel: Readonly<Record<string, (label: string) => Metric>> = { precision, recall, f1 }

export const metricNames: readonly string[] = [
  ...Object.keys(metrics),
  ...Object.keys(ofLabel).map((name) => `${name}(label)`),
]

/** The names that `metricNamed` knows. */
export const metricPattern = new RegExp(
  `^(${Object.keys(metrics)
    .map((name) => name.replaceAll('_', '[_-]'))
    .join('|')}|(${Object.keys(ofLabel).join('|')})\\([^]+\\))$`,
)

/**
 * Which of these names can be measured of the model that a file names. A language model that writes gives texts, any other
 * built in labels; `accuracy` is of both, and what a host's trainer gives is not known here.
 */
export function metricsFor(
  names: readonly string[],
  model: Values,
): { measured: readonly string[]; others: readonly string[] } {
  const architecture = model['architecture']
  const isKnown = architecture === undefined || architecture === 'text-classifier' || architecture === 'llama'
  const writes = architecture === 'llama' && (valuesAt(model, 'answer')['kind'] ?? 'text') === 'text'
  const isMeasured = (name: string) => {
    const needs = metricNamed(name)?.needs
    if (needs === undefined || name === 'accuracy' || !isKnown) return needs !== undefined
    return writes ? needs === 'text' : needs === 'label' || needs === 'probabilities'
  }
  return { measured: names.filter(isMeasured), others: names.filter((name) => !isMeasured(name)) }
}

/** A metric as configuration files name it: `log_loss` or `log-loss`, `f1` for the mean over labels, `f1(spam)` for one. */
export function metricNamed(name: string): Metric | undefined {
  const [, measure, label] = /^(\w+)\((.+)\)$/s.exec(name) ?? []
  if (measure !== undefined) return Object.hasOwn(ofLabel, measure) ? ofLabel[measure]!(label!) : undefined
  const plain = name.replaceAll('-', '_')
  return Object.hasOwn(metrics, plain) ? metrics[plain]!() : undefined
}
