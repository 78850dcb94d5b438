export { type CommitOptions, commit } from './commit.js'
export { type Author, type Git, type Head, initGitRepository, openGit, type TreeEntry } from './git.js'
export { revert } from './revert.js'
export { type Changes, findChanges } from './work-tree.js'
