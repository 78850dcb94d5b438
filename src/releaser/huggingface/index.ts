export type { HubConnection } from './hub-client.js'
export { type HuggingFaceOptions, huggingFaceRegistry, type TransferProgress } from './huggingface-registry.js'
export { type ModelCardOptions, modelCard } from './model-card.js'
