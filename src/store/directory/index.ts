export { type DirectoryStoreOptions, directoryStore } from './directory-store.js'
export type { Processes, ProcessIdentity } from './processes.js'
