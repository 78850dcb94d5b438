// What kinds of jobs share, in an index of its own: an import of the library does not load the executors.
export { inOrder } from './in-order.js'
export { discard, openResult, putFiles, readInput, withInput } from './job-objects.js'
export { requireSameParts, type SameParts } from './same-parts.js'
export { checkShardOptions, type ShardOptions } from './shard-options.js'
