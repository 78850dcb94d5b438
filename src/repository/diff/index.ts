export { diffStates } from './diff-states.js'
export type { StateName } from './find-state.js'
export type {
  DiffOptions,
  EvaluationSetDifference,
  FileChange,
  ProjectDiff,
  PromptChange,
  SettingChange,
  StateProblem,
} from './project-diff.js'
