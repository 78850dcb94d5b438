export { type GitHubAddress, type GitHubApi, githubApi } from './github-api.js'
export { type GitHubRegistryOptions, githubRegistry } from './github-registry.js'
export { releaseNotes } from './release-notes.js'
export type { AssetProgress } from './send-assets.js'
