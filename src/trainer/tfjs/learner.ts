import type { SavedTensor } from './checkpoints.js'

/**
 * The weights that the loop trains, and all that their updates need. The loop decides the order of the examples, the
 * learning rate, when to stop and when to write a checkpoint.
 */
export interface Learner<Example> {
  /** Makes the first weights. */
  begin(): Promise<void>
  /** Continues with the tensors that `state` returned. */
  resume(state: Readonly<Record<string, SavedTensor>>): void
  /**
   * Changes the weights.
   *
   * @param step from 1.
   * @returns the mean loss of the examples.
   */
  takeStep(batches: readonly (readonly Example[])[], step: number, learningRate: number): Promise<number>
  /** The mean loss of development examples, and the number that the mean is over. */
  developmentLoss(batch: readonly Example[]): Promise<{ readonly loss: number; readonly count: number }>
  /** Keeps a copy of the weights as they are now, for `weights`. */
  keepBest(): void
  /** Everything that later steps depend on. */
  state(): Promise<Readonly<Record<string, SavedTensor>>>
  /** The weights of the last `keepBest`, otherwise the current weights: by name, each in memory of its own. */
  weights(): Promise<Readonly<Record<string, Float32Array>>>
  /**
   * The names of weights that follow the data without a gradient, such as moving averages, as of the steps so far. Replicas of a
   * distributed training average them. @default none
   */
  followed?(): readonly string[]
  /**
   * What later steps need besides the weights, by name, such as the moments of an optimizer. A replica of a distributed training
   * gets it back as `moments` of the request in its next round, and then `step` counts its steps of all rounds.
   * @default nothing: each round of a replica is a training of its own, with steps from 1
   */
  moments?(): Promise<Readonly<Record<string, Float32Array>>>
  dispose(): void
}
