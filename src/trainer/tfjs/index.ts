export type { TextFeatures } from '../../model/index.js'
export type { CheckpointOptions, SavedTensor } from './checkpoints.js'
export type { DeviceName, TfjsCore } from './devices.js'
export { dilocoKind } from './diloco/diloco-kind.js'
export { type DilocoOptions, dilocoTrainer } from './diloco/diloco-trainer.js'
export type { Examples } from './examples.js'
export type { Learner } from './learner.js'
export type { Schedule } from './learning-rate.js'
export { type BaseModel, digestWithPointers, llamaMaximumLength } from './llama/base-model.js'
export type { SamplingOptions } from './llama/choose-token.js'
export type { ChoiceOutput, LikelihoodOutput, LlamaOutput, TextOutput } from './llama/llama-model.js'
export type { LlamaTrainerOptions } from './llama/llama-options.js'
export { llamaTrainer } from './llama/llama-trainer.js'
export type { LoraOptions, LoraTarget } from './llama/lora.js'
export type { LoopOptions } from './loop-options.js'
export { type GradientModelOptions, gradientModel, type NextSeed } from './own-model/gradient-model.js'
export { type LayersModelOptions, layersModel } from './own-model/layers-model.js'
export type { LayersModel, Tfjs } from './own-model/load-tfjs.js'
export type { OutputKind, OutputTargets } from './own-model/model-output.js'
export type { InputEncoder, NumberExample } from './own-model/number-examples.js'
export type { OwnBatch, OwnModelOptions } from './own-model/own-model.js'
export { type DeviceReport, probeDevices } from './probe-devices.js'
export { type TextClassifierOptions, textClassifier } from './text-classifier.js'
export type { TextExample } from './text-rows.js'
export type {
  BaseWeights,
  EarlyStopping,
  LearnerRequest,
  LoopSettings,
  LossAndGradients,
  ModelModule,
  TfjsModel,
  Weights,
} from './tfjs-model.js'
export { type TfjsTrainerOptions, tfjsTrainer } from './tfjs-trainer.js'
export type { ThreadChoice } from './training.js'
