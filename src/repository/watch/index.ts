export type { WatchEvent, WatchObstacle } from './watch-event.js'
export { type WatchOptions, watchProject } from './watch-project.js'
