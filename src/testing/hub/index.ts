export type { HubToken, TrustedPublisher } from './exchange.js'
export type { HubFault, HubRequest } from './faults.js'
export type { HubJob, HubJobProcess, HubJobRunner } from './jobs.js'
export { type Hub, type HubOptions, type HubTraffic, startHub } from './start-hub.js'
