export type { DashboardPanel } from './panels.js'
export { type DashboardServer, type ServeDashboardOptions, serveDashboard } from './serve-dashboard.js'
export { type Snapshot, writeSnapshot } from './snapshot.js'
export { type DashboardSource, type ProjectSourceOptions, projectSource } from './source.js'
