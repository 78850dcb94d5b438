export {
  type DeviceName,
  type DeviceReport,
  type LoopSettings,
  type LossAndGradients,
  probeDevices,
  type Schedule,
  type TextClassifierOptions,
  type TfjsModel,
  type TfjsTrainerOptions,
  textClassifier,
  tfjsTrainer,
  type Weights,
} from './trainer/tfjs/index.js'
