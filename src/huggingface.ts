export {
  type HubConnection,
  type HuggingFaceOptions,
  huggingFaceRegistry,
  type ModelCardOptions,
  modelCard,
  type TransferProgress,
} from './releaser/huggingface/index.js'
export { type Fetch, proxyFetch, type RetryOptions } from './releaser/remote/index.js'
