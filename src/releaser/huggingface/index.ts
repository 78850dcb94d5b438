export type { HubConnection } from './hub-connection.js'
export type { HubDataFiles } from './hub-data-files.js'
export { type HubSamplesOptions, hubCommit, hubSamples } from './hub-samples.js'
export { type HubSnapshot, hubSnapshot } from './hub-snapshot.js'
export { type HuggingFaceOptions, huggingFaceRegistry, type TransferProgress } from './huggingface-registry.js'
export { type ModelCardOptions, modelCard } from './model-card.js'
export {
  actionsIdentity,
  type TrustedPublisherOptions,
  trustedPublisherFetch,
  trustedPublisherToken,
} from './trusted-publisher.js'
