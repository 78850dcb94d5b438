export { type DirectoryRegistryOptions, directoryRegistry } from './directory-registry.js'
