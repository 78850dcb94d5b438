export { type FloatDtype, floatDtypes, fromFloat32, fromFloat64, toFloat32 } from './half-precision.js'
export {
  answerOf,
  type ChatMessage,
  type GenerateOptions,
  type GenerationEnd,
  type Model,
  type Prediction,
  type Row,
  type Rows,
  type TextPart,
} from './model.js'
export { writeOnnx } from './onnx-writer.js'
export {
  float32Of,
  readOneTensor,
  readSafetensors,
  type Safetensors,
  type Tensor,
  tensorOfFloat32,
} from './safetensors.js'
export type { Dtype } from './safetensors-dtype.js'
export { type ReadSafetensorsOptions, readSafetensorsHeader } from './safetensors-header.js'
export { type WriteSafetensorsOptions, type WrittenFile, writeSafetensors } from './safetensors-writer.js'
export { readWeights, type WriteWeightsOptions, writeWeights } from './sharded-weights.js'
export { readSmallJson } from './small-json.js'
export { type ArrayDtype, tensorOf, type ValuesOf, valuesOf } from './tensor-values.js'
export { type TextFeatureSettings, type TextFeatures, textFeatures, wordsOf } from './text-features.js'
export { readTokenizer, type TextTokenizer, tokenizerFiles, tokenizerPackage } from './tokenizer/index.js'
export {
  checkWeights,
  readWeightsDirectory,
  rereadWeightsDirectory,
  type WeightsDirectory,
  type WeightsProblem,
  weightsFormats,
} from './weights-directory.js'
