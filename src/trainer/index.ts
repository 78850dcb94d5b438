export { candidateRecordShape } from './candidate-record.js'
export type {
  BaseRecord,
  Candidate,
  CandidateRecord,
  FitContext,
  FitRequest,
  LoadContext,
  Trainer,
  TrainerEnvironment,
  TrainProgress,
} from './trainer.js'
