export type { Model, Prediction, Row, Rows } from './model.js'
export {
  checkWeights,
  readWeightsDirectory,
  verifyWeightsDirectory,
  type WeightsDirectory,
  type WeightsProblem,
} from './weights-directory.js'
