export { memoryStore } from './store/memory/index.js'
export { checkContract } from './testing/check-contract.js'
export {
  type BaselineMatchers,
  type BaselineTestOptions,
  type BaselineTestResult,
  baselineMatchers,
  compareWithBaseline,
} from './testing/compare-with-baseline.js'
export type { ContractTest } from './testing/contract-test.js'
export { type EvaluationParts, evaluationOf, evidenceOf } from './testing/evidence.js'
export { contractKinds, type ExecutorUnderTest, executorContract } from './testing/executor-contract.js'
export { type FakeTrainerOptions, fakeTrainer } from './testing/fake-trainer.js'
export { type FeedbackStoreUnderTest, feedbackContract } from './testing/feedback-contract.js'
export { fixedClock } from './testing/fixed-clock.js'
export { gateContract } from './testing/gate-contract.js'
export { generationContract } from './testing/generation-contract.js'
export {
  type GitHubAssetState,
  type GitHubCheckRunState,
  type GitHubCommentState,
  type GitHubFault,
  type GitHubIssueState,
  type GitHubPullRequestState,
  type GitHubReleaseState,
  type GitHubRepositoryState,
  type GitHubRequest,
  type GitHubState,
  type GitObject,
  type GitObjects,
  type GitTreeEntry,
  gitHubState,
  type LoopbackGitHub,
  type LoopbackGitHubOptions,
  type LoopbackGitHubRepository,
  type NewGitHubRepository,
  startGitHub,
} from './testing/github/index.js'
export {
  type Hub,
  type HubFault,
  type HubJob,
  type HubJobProcess,
  type HubJobRunner,
  type HubOptions,
  type HubRequest,
  type HubToken,
  type HubTraffic,
  startHub,
  type TrustedPublisher,
} from './testing/hub/index.js'
export { type MemoryRegistryOptions, memoryRegistry, type RegistryMethod } from './testing/memory-registry.js'
export { type MetricExamples, metricContract } from './testing/metric-contract.js'
export { type ReleaserUnderTest, releaserContract } from './testing/releaser-contract.js'
export { type SourceUnderTest, sourceContract } from './testing/source-contract.js'
export { type StoreUnderTest, storeContract } from './testing/store-contract.js'
export { type TrainerContractOptions, trainerContract } from './testing/trainer-contract.js'
