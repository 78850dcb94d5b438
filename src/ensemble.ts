// Several models that answer as one, judged and released as one.
export {
  type Combination,
  type EnsembleOptions,
  ensembleTrainer,
  type MemberKindOptions,
  type MemberWorkers,
  memberKind,
  type ReleasedMember,
  type ReleasedMemberOptions,
  releasedMember,
} from './ensemble/index.js'
