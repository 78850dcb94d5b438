export {
  type DeviceName,
  type LoopSettings,
  type LossAndGradients,
  type TextClassifierOptions,
  type TfjsModel,
  type TfjsTrainerOptions,
  textClassifier,
  tfjsTrainer,
  type Weights,
} from './trainer/tfjs/index.js'
