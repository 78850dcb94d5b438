export { candidateName, mainCandidate, mostCandidates } from './candidate-name.js'
export { type CallContext, type Clock, callContext, type Log } from './context.js'
export { type Described, digestOfPart, identityOf } from './described.js'
export {
  type Digest,
  digestBytes,
  digestJson,
  finishDigest,
  hexOf,
  isDigest,
  merkleRoot,
  merkleRootOf,
  parseDigest,
  startDigest,
} from './digest.js'
export { type ErrorCode, isSheikhError, messageOf, SheikhError, type SheikhErrorOptions } from './errors.js'
export { escapeHtml, escapeMarkdown, visible, withoutLinks } from './escape-text.js'
export { createRunId, isRunId } from './ids.js'
export { inParallel } from './in-parallel.js'
export { canonicalJson, type Json, type JsonObject, toJson } from './json.js'
export {
  checkedPath,
  digestManifest,
  type FileEntry,
  type Manifest,
  manifestOf,
  parseManifest,
} from './manifest.js'
export { conflictFact, conflictLine, isConflictMarker } from './merge-conflict.js'
export { nearestName, nearestNames } from './nearest-name.js'
export { type Random, seededRandom } from './random.js'
export { createRedactor, formsOfSecrets, type Redactor, redactJson } from './redaction.js'
export {
  addressProblem,
  isLoopback,
  isPrivateAddress,
  plainPath,
  tildeProblem,
  webAddress,
} from './setting-problems.js'
export {
  both,
  digest,
  finite,
  fits,
  flag,
  json,
  list,
  misfitOf,
  nonEmptyList,
  nullable,
  object,
  optional,
  recordOf,
  type Shape,
  shapeOf,
  text,
  union,
  word,
} from './shape.js'
export { Slots } from './slots.js'
export { packTextList, TextList } from './text-list.js'
export { untilAborted } from './until-aborted.js'
