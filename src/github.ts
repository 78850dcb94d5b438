export {
  type AssetProgress,
  type GitHubRegistryOptions,
  githubRegistry,
  releaseNotes,
} from './releaser/github/index.js'
export { proxyFetch } from './releaser/remote/index.js'
