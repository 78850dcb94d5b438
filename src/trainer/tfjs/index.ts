export type { DeviceName } from './devices.js'
export { type TextClassifierOptions, textClassifier } from './text-classifier.js'
export type { LoopSettings, LossAndGradients, TfjsModel, Weights } from './tfjs-model.js'
export { type TfjsTrainerOptions, tfjsTrainer } from './tfjs-trainer.js'
