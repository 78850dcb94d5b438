export { createHandler, type PredictionHandler } from './handler.js'
export { type NodeListener, toNodeListener, type WebHandler } from './node-listener.js'
export type { HandlerOptions, HandlerSettings, RegistryToServe, ReleaseSettings, ServedFrom } from './options.js'
export { type ListenOptions, type PredictionServer, type ServeOptions, serve } from './serve.js'
