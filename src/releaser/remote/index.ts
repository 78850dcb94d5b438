export { type DownloadRequest, downloadFile } from './download-file.js'
export { fetchFrom, type Undici } from './fetch-from.js'
export { type Fetch, type Patience, type PersistentFetchOptions, persistentFetch } from './persistent-fetch.js'
export { type Refusal, refused, remoteFailed } from './remote-error.js'
