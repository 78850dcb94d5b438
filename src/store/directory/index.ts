export { type DirectoryStoreOptions, directoryStore } from './directory-store.js'
export { canSee, hostProcesses, type Processes, type ProcessIdentity } from './processes.js'
export { type WorkFolders, workFolders } from './work-folders.js'
