export {
  type AssetProgress,
  type GitHubRegistryOptions,
  githubRegistry,
  releaseNotes,
} from './releaser/github/index.js'
export { type Fetch, proxyFetch, type RetryOptions } from './releaser/remote/index.js'
