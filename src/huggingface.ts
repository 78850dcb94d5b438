export {
  actionsIdentity,
  type HubConnection,
  type HubDataFiles,
  type HubSamplesOptions,
  type HuggingFaceOptions,
  hubCommit,
  hubSamples,
  huggingFaceRegistry,
  type ModelCardOptions,
  modelCard,
  type TransferProgress,
  type TrustedPublisherOptions,
  trustedPublisherFetch,
  trustedPublisherToken,
} from './releaser/huggingface/index.js'
export { type Fetch, proxyFetch, type RetryOptions } from './releaser/remote/index.js'
