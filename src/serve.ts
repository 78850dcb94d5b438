// Released models over HTTP.
export {
  createHandler,
  type HandlerOptions,
  type HandlerSettings,
  type ListenOptions,
  type NodeListener,
  type PredictionHandler,
  type PredictionServer,
  type RegistryToServe,
  type ReleaseSettings,
  type RequestFacts,
  type ServedFrom,
  type ServeFeedback,
  type ServeOptions,
  serve,
  toNodeListener,
  type WebHandler,
} from './serve/index.js'
