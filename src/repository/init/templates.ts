import { createRequire } from 'node:module'
import type { LayoutFile } from './layout-files.js'
import { pythonFit, pythonPredict } from './python-programs.js'
import { tinyLlama } from './tiny-llama.js'

/** What `sheikh init` can create: the built-in text classifier, a language model, a Python program, or a tfjs model of your own. */
export const projectTemplates = ['text-classifier', 'llama', 'command-python', 'own-model'] as const
export type ProjectTemplate = (typeof projectTemplates)[number]

/** The files that decide what is trained, and what Git is to ignore besides. */
export function templateFiles(template: ProjectTemplate): {
  readonly files: readonly LayoutFile[]
  readonly ignored: readonly string[]
} {
  switch (template) {
    case 'text-classifier':
      return { files: [{ path: trainingPath, text: textClassifier }], ignored: [] }
    case 'llama': {
      const { files, digest } = tinyLlama()
      return { files: [{ path: trainingPath, text: llama(digest) }, ...files], ignored: [] }
    }
    case 'command-python':
      return {
        files: [
          { path: trainingPath, text: hostTraining },
          { path: 'sheikh.config.mjs', text: commandConfig },
          { path: 'train/fit.py', text: pythonFit },
          { path: 'train/predict.py', text: pythonPredict },
          packageFile(),
        ],
        ignored: ['__pycache__/'],
      }
    case 'own-model':
      return {
        files: [
          { path: trainingPath, text: hostTraining },
          { path: 'sheikh.config.mjs', text: ownModelConfig },
          packageFile(),
        ],
        ignored: [],
      }
  }
}

const trainingPath = 'mlops/training/config.yaml'

const textClassifier = `model:
  architecture: text-classifier       # or a trainer of your own, in sheikh.config.ts
training:
  seed: 0
`

const llama = (digest: string) => `model:
  architecture: llama
  # A tiny model with random weights, to try everything out. A real one: hf download <name> --local-dir models/<name>,
  # then name its folder and its digest here, and remove from_scratch.
  base: models/base
  base_digest: ${digest}
  from_scratch: true
  answer: { kind: choice, choices: [billing, login, shipping, technical] }
training:
  seed: 0
  num_train_epochs: 20
  learning_rate: 0.01
`

const hostTraining = `# The trainer is in sheikh.config.mjs.
training:
  seed: 0
`

const commandConfig = `import { fileURLToPath } from 'node:url'
import { commandTrainer } from 'sheikh-freemium'

export default {
  trainer: commandTrainer({
    fit: ['python3', 'fit.py'],
    predict: ['python3', 'predict.py'],
    directory: fileURLToPath(new URL('./train', import.meta.url)),
    inputs: [], // further files that the programs read: an edit trains again
    targets: 'labels',
  }),
}
`

const ownModelConfig = `import { gradientModel, tfjsTrainer } from 'sheikh-freemium/tfjs'

const buckets = 256

/** How often each word occurs, by its hash. */
function countWords(text) {
  const counts = new Array(buckets).fill(0)
  for (const word of text.toLowerCase().split(/\\W+/)) {
    let hash = 0
    for (const character of word) hash = (hash * 31 + character.codePointAt(0)) % 65_521
    counts[hash % buckets] += 1
  }
  return counts
}

const model = gradientModel({
  answer: 'label',
  version: '1', // raise it whenever the code of the model changes
  epochs: 30,
  learningRate: 0.05,
  input: countWords,
  inputShape: [buckets],
  init: (tf, { labels, seed }) => ({
    weights: tf.randomNormal([buckets, labels.length], 0, 0.05, 'float32', seed()),
    bias: tf.zeros([labels.length]),
  }),
  predict: (tf, { weights, bias }, inputs) => tf.add(tf.matMul(inputs, weights), bias),
})

export default { trainer: tfjsTrainer(model) }
`

/** sheikh.config.mjs imports the package, so the project depends on it. */
function packageFile(): LayoutFile {
  const { version } = createRequire(import.meta.url)('sheikh-freemium/package.json') as { readonly version: string }
  const document = { private: true, type: 'module', dependencies: { 'sheikh-freemium': `^${version}` } }
  return { path: 'package.json', text: `${JSON.stringify(document, null, 2)}\n` }
}
