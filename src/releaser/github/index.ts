export { type GitHubRegistryOptions, githubRegistry } from './github-registry.js'
export { releaseNotes } from './release-notes.js'
export type { AssetProgress } from './send-assets.js'
