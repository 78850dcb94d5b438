export { directoryRegistry } from './directory-registry.js'
