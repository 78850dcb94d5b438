export type { GitHubFault, GitHubRequest } from './faults.js'
export type { GitObject, GitObjects, GitTreeEntry } from './git-objects.js'
export {
  type GitHubAssetState,
  type GitHubCheckRunState,
  type GitHubCommentState,
  type GitHubIssueState,
  type GitHubPullRequestState,
  type GitHubReleaseState,
  type GitHubRepositoryState,
  type GitHubState,
  gitHubState,
  type NewGitHubRepository,
} from './github-state.js'
export {
  type LoopbackGitHub,
  type LoopbackGitHubOptions,
  type LoopbackGitHubRepository,
  startGitHub,
} from './start-github.js'
