export {
  type AssetProgress,
  type GitHubRegistryOptions,
  githubRegistry,
  releaseNotes,
} from './releaser/github/index.js'
export { fetchFrom } from './releaser/remote/index.js'
