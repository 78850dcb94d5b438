export { type Configuration, loadConfiguration, withTrainingSettings } from './configuration.js'
export { isDueBetween, plainCron } from './cron.js'
export { durationMsOf } from './duration.js'
export { defineConfig, type HostConfiguration, loadHostConfiguration } from './host-configuration.js'
export { type HostModules, hostModules } from './host-modules.js'
export { formatHubData, isHubAddress, isPinned, parseHubData } from './hub-data.js'
export { type ConfigurationFile, configurationSchemas } from './json-schemas.js'
export { type LearnAction, type LearnConfiguration, learnActions } from './learn-configuration.js'
export { metricNamed, metricsFor } from './metric-names.js'
export { type NotificationsConfiguration, secretsNamedIn } from './notification-keys.js'
export type { Notice } from './read-yaml.js'
export type { ReleaseConfiguration, ReleaseTarget, Retention } from './release-configuration.js'
export type {
  LlamaAnswerConfiguration,
  LlamaConfiguration,
  WarmStartConfiguration,
} from './training-configuration.js'
export type { DriftTrigger, TriggerAction, TriggerConfiguration } from './trigger-configuration.js'
export type { TuningConfiguration } from './tuning-configuration.js'
export { type Values, valuesAt } from './values.js'
