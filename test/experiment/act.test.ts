import { expect, it } from 'vitest'
import { act, type LivePipeline } from '../../src/experiment/act.js'
import type { ExperimentState } from '../../src/experiment/state.js'
import type { LedgerEntry } from '../../src/gate/index.js'

it('promotes a winner once, also if the ledger has lost the line of the end', async () => {
  const entries: Partial<LedgerEntry>[] = []
  const promoted: string[] = []
  const pipeline: Partial<LivePipeline> = {
    ledger: async () => entries as readonly LedgerEntry[],
    async promote(version, { to }) {
      promoted.push(`${to} ${version}`)
      entries.push({ type: 'promotion', channel: to, version } as LedgerEntry, { type: 'approval' } as LedgerEntry)
    },
  }
  const state = { name: 'mail', control: '0.1.0', treatment: '0.2.0', result: 'success' } as ExperimentState
  const options = { pipeline: pipeline as LivePipeline, channel: 'latest', promoteTo: 'production' }
  await act(state, options)
  await act(state, options)
  expect(promoted).toEqual(['production 0.2.0'])
})
