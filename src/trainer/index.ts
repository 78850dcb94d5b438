export { candidateRecordShape } from './candidate-record.js'
export { partsOfTrainer } from './same-trainer.js'
export type {
  BaseRecord,
  Candidate,
  CandidateRecord,
  FitContext,
  FitRequest,
  LoadContext,
  NamedRelease,
  OpenedRelease,
  Trainer,
  TrainerEnvironment,
  TrainProgress,
} from './trainer.js'
