export const targetNames = ['safetensors', 'score-lines', 'evaluation', 'ledger'] as const
export type TargetName = (typeof targetNames)[number]

/** What `run.ts` is to do. */
export interface Work {
  readonly target: TargetName
  readonly seed: string
  /** The number of the first case. */
  readonly from: number
  readonly cases: number
  /** For the files that are read. */
  readonly folder: string
}

/** What it says. */
export type Report =
  /** Before a case is read. */
  | { readonly type: 'case'; readonly number: number }
  | { readonly type: 'failure'; readonly number: number; readonly base64: string; readonly reason: string }
  | { readonly type: 'end'; readonly read: number; readonly refused: number; readonly failures: number }
