export { diffStates } from './diff-states.js'
export type { StateName } from './find-state.js'
export {
  changesNothing,
  type DiffOptions,
  type EvaluationSetDifference,
  type FileChange,
  gateChanges,
  type ProjectDiff,
  type PromptChange,
  type SettingChange,
  type StateProblem,
  settingChanges,
} from './project-diff.js'
export type { PromptExample, RenderedDifference, RenderedText } from './rendered-difference.js'
