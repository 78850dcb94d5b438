export type { ComparedPrediction, PredictionCheck } from './answer-check.js'
export {
  type Codes,
  type Column,
  codesOf,
  GrowingArray,
  numbersOf,
  sameColumn,
} from './column.js'
export { defaultBatchSize, type EvaluateOptions, evaluate, type ScoredItem, warnOfFailure } from './evaluate.js'
export type { Evaluation, ItemOutcome, Metric, MetricColumn } from './evaluation.js'
export { EvaluationBuilder } from './evaluation-builder.js'
export { readEvaluation, writeEvaluation } from './evaluation-file.js'
export { type MeasureLatencyOptions, measureLatency } from './measure-latency.js'
export { accuracy, type MatchOptions } from './metrics/accuracy.js'
export { crossEntropy } from './metrics/cross-entropy.js'
export { exactMatch } from './metrics/exact-match.js'
export { type LogLossOptions, logLoss } from './metrics/log-loss.js'
export { f1, macroF1, macroPrecision, macroRecall, precision, recall } from './metrics/precision-recall.js'
export { isNormalization, type Normalization, normalizations } from './normalization.js'
export { type PairScoresOptions, pairScores } from './pair-scores.js'
export { answersIn, type FailedItem, predictShard, shardItems } from './predict-shard.js'
export {
  inputDigestBytes,
  type Predictions,
  type RememberingModel,
  readPredictions,
  rememberingModel,
  writePredictions,
} from './remembering-model.js'
export { rescore } from './rescore.js'
export type { ReadScoreFileOptions, ScoreFileFields, ScoreFileFormat } from './score-files/read-options.js'
export { readScoreFile, type ScoreFile, type ScoreLine } from './score-files/score-file.js'
