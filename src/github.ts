export {
  type AssetProgress,
  type GitHubRegistryOptions,
  githubRegistry,
  releaseNotes,
} from './releaser/github/index.js'
