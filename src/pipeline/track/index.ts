export { type MlflowOptions, trackByMlflow } from './mlflow.js'
export { type TensorBoardOptions, trackByTensorBoard } from './tensorboard.js'
