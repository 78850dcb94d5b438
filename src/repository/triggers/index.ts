export {
  type DriftLook,
  decideTriggers,
  type FiredTrigger,
  type TriggerDecision,
  type TriggerOptions,
} from './decide-triggers.js'
