export { belowRoot } from './below-root.js'
export { type CommitOptions, commit, knownAuthor, refuseUnfinished } from './commit.js'
export { findCommit } from './find-commit.js'
export type {
  Author,
  BlobReader,
  Changes,
  Git,
  Head,
  PastCommit,
  PathChange,
  TreeChange,
  TreeEntry,
  TreeFiles,
  TreeItem,
} from './git.js'
export { type GitBranchLedgerOptions, gitBranchLedger } from './ledger-branch.js'
export type { Credentials } from './ledger-place.js'
export { type EnvironmentVariables, factIn, findGit, type GitAnswer, gitProgram } from './native/git-program.js'
export { unchangedBlobs } from './native/unchanged-blobs.js'
export { type GitOptions, initGitRepository, isInRepository, openGit } from './open-git.js'
export { type BranchProposal, type ProposedBranch, proposeBranch, proposedBranches } from './propose-branch.js'
export { revert } from './revert.js'
export { writtenPath } from './written-path.js'
