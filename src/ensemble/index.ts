export type { Combination } from './combine.js'
export { type EnsembleOptions, ensembleTrainer } from './ensemble-trainer.js'
