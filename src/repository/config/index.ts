export {
  type Configuration,
  type LlamaAnswerConfiguration,
  type LlamaConfiguration,
  loadConfiguration,
  type ReleaseConfiguration,
  type ReleaseTarget,
  type WarmStartConfiguration,
} from './configuration.js'
export { defineConfig, type HostConfiguration, loadHostConfiguration } from './host-configuration.js'
export type { Notice } from './read-yaml.js'
