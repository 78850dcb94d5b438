import { textOf, type Values } from './values.js'

/** What follows a run of continuous learning. */
export type LearnAction = 'archive_previous_version' | 'update_base_model' | 'prepare_next_iteration'

/** In the order in which they are done. */
export const learnActions: readonly LearnAction[] = [
  'archive_previous_version',
  'update_base_model',
  'prepare_next_iteration',
]

/** `stages.continuous_learn` in `mlops/pipeline.yaml`. */
export interface LearnConfiguration {
  readonly actions: readonly LearnAction[]
  /** The folder with the feedback, relative to the project. */
  readonly feedback?: string | undefined
}

export const learnOf = ({ actions = [], feedback }: Values): LearnConfiguration => ({
  actions: learnActions.filter((action) => (actions as readonly string[]).includes(action)),
  feedback: textOf(feedback),
})
