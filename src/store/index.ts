export { readManifest, verifyManifest } from './read-manifest.js'
export type { Documents, Journals, KeyRecord, Keys, Lock, Objects, Runs, Store } from './store.js'
