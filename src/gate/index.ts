export type {
  Check,
  Evidence,
  Finding,
  FindingStatus,
  Gate,
  InconclusivePolicy,
  Opponent,
  Verdict,
  VerdictStatus,
} from './gate.js'
export { type Ledger, type LedgerEntry, type LedgerEvent, storeLedger } from './ledger.js'
export { qualityGate } from './quality-gate.js'
