export type { Combination } from './combine.js'
export { type EnsembleOptions, ensembleTrainer } from './ensemble-trainer.js'
export { type MemberInput, type MemberKindOptions, memberKind } from './member-kind.js'
export type { MemberWorkers } from './train-on-workers.js'
