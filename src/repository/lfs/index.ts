export { type GitLfsOptions, gitLfs } from './git-lfs.js'
