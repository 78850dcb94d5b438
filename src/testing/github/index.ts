export type { GitHubFault, GitHubRequest } from './faults.js'
export { type GitHubState, gitHubState, type NewRepository } from './github-state.js'
export {
  type LoopbackGitHub,
  type LoopbackGitHubOptions,
  type LoopbackRepository,
  startGitHub,
} from './start-github.js'
