export { type DirectoryStoreOptions, directoryStore } from './directory-store.js'
