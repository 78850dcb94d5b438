// Several models that answer as one, judged and released as one.
export { type Combination, type EnsembleOptions, ensembleTrainer } from './ensemble/index.js'
