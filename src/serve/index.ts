export { bearerTest } from './bearer.js'
export type { ServeExperiment, UnitRequest } from './experiment-handler.js'
export { type FeastLookUpOptions, feastLookUp } from './feast-look-up.js'
export type { ServeFeedback } from './feedback/feedback-options.js'
export { createHandler, type PredictionHandler } from './handler.js'
export { type NodeListener, toNodeListener, type WebHandler } from './node-listener.js'
export { type LookUpFeatures, type OnlineFeaturesOptions, withOnlineFeatures } from './online-features.js'
export type {
  FeatureLookUp,
  HandlerOptions,
  HandlerSettings,
  PrepareContext,
  RegistryToServe,
  ReleaseSettings,
  ServedFrom,
} from './options.js'
export type { RequestFacts } from './protocol.js'
export { type ListenOptions, type PredictionServer, type ServeOptions, serve } from './serve.js'
export type { BatchEvent, EventRelease, RequestEvent, SwapEvent } from './telemetry.js'
