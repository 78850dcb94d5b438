export { type Configuration, loadConfiguration } from './configuration.js'
export { defineConfig, type HostConfiguration, loadHostConfiguration } from './host-configuration.js'
export type { Notice } from './read-yaml.js'
