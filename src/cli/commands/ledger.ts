import { callContext, digestJson, SheikhError } from '../../core/index.js'
import type { LedgerEntry } from '../../gate/index.js'
import { moment } from '../../report/texts/index.js'
import { type Command, type CommandResult, toJson } from '../command.js'
import { logTo, open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const ledger: Command = {
  name: 'ledger',
  usage: 'verify | show | accept-loss --reason <why>',
  summary: 'Show the ledger of all decisions, or verify that nobody altered it',
  options: { limit: { type: 'string' }, reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    limit: 'show: number of newest entries to show (default: all)',
    reason: 'accept-loss: why releases in the ledger are missing from the registry',
    by: 'accept-loss: who accepts the loss (default: user.name and user.email of Git)',
  },
  actions: ['verify', 'show', 'accept-loss'],
  examples: ['sheikh ledger verify', 'sheikh ledger show --limit 20'],
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const [action] = positionals
    const limit = values['limit'] === undefined ? undefined : Number(values['limit'])
    if (action !== 'verify' && action !== 'show' && action !== 'accept-loss')
      throw usage(`the action must be verify, show or accept-loss, not "${action}"`)
    if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0))
      throw usage(`"--limit ${values['limit']}" is not a whole number above 0`)
    const repository = await open(project, terminal)
    if (action === 'accept-loss') {
      const versions = await (await repository.pipeline()).acceptLoss({
        signal: terminal.signal,
        reason: typeof values['reason'] === 'string' ? values['reason'] : '',
        by: await whoDecides(repository, values['by'], 'accept the loss'),
      })
      const text =
        versions.length === 0
          ? 'No release is missing: the registry contains every release in the ledger.'
          : `Accepted the loss of ${versions.join(', ')}. The next run continues without ${versions.length === 1 ? 'this release' : 'these releases'}.`
      return { text, json: toJson({ versions }) }
    }
    const kept = await repository.ledger()
    // Also compare with the releases: they reference entries, so they reveal a ledger that was cut off at its end.
    if (action === 'verify')
      return verified(kept.name, await (await repository.pipeline()).ledger({ signal: terminal.signal }))
    const entries = await kept.read(callContext({ signal: terminal.signal, log: logTo(terminal) }))
    return shown(limit === undefined ? entries : entries.slice(-limit))
  },
}

/** Reading verifies the chain and throws if it is broken, so the entries here are valid. */
function verified(name: string, entries: readonly LedgerEntry[]): CommandResult {
  const last = entries.at(-1)
  // A line of the ledger is the canonical JSON of its entry, so this is also the digest of the line.
  const tip = last === undefined ? null : digestJson(last)
  const count = entries.length === 1 ? '1 entry' : `${entries.length} entries`
  return {
    text: tip === null ? 'The ledger is empty.' : `The ledger is intact: ${count}. Digest of the last entry: ${tip}`,
    json: toJson({ ledger: name, lines: entries.length, tip, holds: true }),
  }
}

function shown(entries: readonly LedgerEntry[]): CommandResult {
  const lines = entries.map((entry) => `${moment(entry.atMs)}  ${entry.type.padEnd(10)}  ${whatOf(entry)}`)
  return { text: lines.length === 0 ? 'The ledger is empty.' : lines.join('\n'), json: toJson({ entries }) }
}

function whatOf(entry: LedgerEntry): string {
  switch (entry.type) {
    case 'verdict':
      return `${entry.status}${entry.candidate === undefined ? '' : `, candidate ${entry.candidate} of ${entry.candidates}`}, run ${entry.runId}`
    case 'approval':
      return `run ${entry.runId}, by ${entry.by}: ${entry.reason}`
    case 'override':
      return `run ${entry.runId} against ${entry.checks.join(', ')}, until ${moment(entry.untilMs)}, by ${entry.by}: ${entry.reason}`
    case 'release':
      return `${entry.version}, bundle ${entry.bundle.slice(7, 19)}, run ${entry.runId}`
    case 'run':
      return `${entry.status}, run ${entry.runId} of commit ${entry.commit.slice(0, 10)}`
    case 'promotion':
      return `${entry.version} to ${entry.channel}, by ${entry.by}`
    case 'loss':
      return `${entry.versions.join(', ')} accepted as lost, by ${entry.by}: ${entry.reason}`
    case 'withdrawal':
      return `${entry.version}${entry.by === undefined ? '' : `, by ${entry.by}`}: ${entry.reason}`
    case 'experiment':
      return `${entry.name}: ${entry.result ?? entry.action}, ${entry.treatment} gets ${Number((100 * entry.share).toFixed(2))} %${entry.by === undefined ? '' : `, by ${entry.by}`}: ${entry.reason}`
  }
}

const usage = (fact: string) =>
  new SheikhError('invalid-options', `Cannot run "sheikh ledger": ${fact}. See: sheikh ledger --help`)
