export {
  type HubConnection,
  type HuggingFaceOptions,
  huggingFaceRegistry,
  type ModelCardOptions,
  modelCard,
  type TransferProgress,
} from './releaser/huggingface/index.js'
export { proxyFetch } from './releaser/remote/index.js'
