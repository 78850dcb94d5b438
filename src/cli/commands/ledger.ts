import { callContext, digestJson, SheikhError } from '../../core/index.js'
import type { LedgerEntry } from '../../gate/index.js'
import { moment } from '../../report/index.js'
import { type Command, type CommandResult, toJson } from '../command.js'
import { open } from '../project.js'
import { whoDecides } from '../who-decides.js'

export const ledger: Command = {
  name: 'ledger',
  usage: 'verify | show | accept-loss --reason <why>',
  summary: 'what was decided, line by line, and whether every line is as it was written',
  options: { limit: { type: 'string' }, reason: { type: 'string' }, by: { type: 'string' } },
  optionHelp: {
    limit: 'show: at most so many, the newest (default: all)',
    reason: 'accept-loss: why releases that the ledger records are gone from the registry',
    by: 'accept-loss: who accepts it (default: the user of Git)',
  },
  positionals: [1, 1],
  async run({ project, positionals, values }, terminal) {
    const [action] = positionals
    const limit = values['limit'] === undefined ? undefined : Number(values['limit'])
    if (action !== 'verify' && action !== 'show' && action !== 'accept-loss')
      throw usage(`it takes verify, show or accept-loss, not "${action}"`)
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
          ? 'Nothing is missing: the registry contains every release that the ledger records.'
          : `Accepted: ${versions.join(', ')} ${versions.length === 1 ? 'is' : 'are'} lost. The next run starts without ${versions.length === 1 ? 'it' : 'them'}.`
      return { text, json: toJson({ versions }) }
    }
    const kept = await repository.ledger()
    // Against the releases, too: they remember lines that a chain alone would not miss at its end.
    if (action === 'verify')
      return verified(kept.name, await (await repository.pipeline()).ledger({ signal: terminal.signal }))
    const log = { debug() {}, info() {}, warn: (message: string) => terminal.err(`warning: ${message}\n`) }
    const entries = await kept.read(callContext({ signal: terminal.signal, log }))
    return shown(limit === undefined ? entries : entries.slice(-limit))
  },
}

/** Reading is verifying: what does not hold has been thrown. */
function verified(name: string, entries: readonly LedgerEntry[]): CommandResult {
  const last = entries.at(-1)
  // A line is the canonical text of its entry, so this is the line's digest.
  const tip = last === undefined ? null : digestJson(last)
  const count = entries.length === 1 ? '1 line' : `${entries.length} lines`
  return {
    text: tip === null ? 'The ledger is empty.' : `${count}, and every link holds. The last one is ${tip}.`,
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
      return `${entry.status}, run ${entry.runId}`
    case 'approval':
      return `run ${entry.runId}, by ${entry.by}: ${entry.reason}`
    case 'override':
      return `run ${entry.runId} against ${entry.checks.join(', ')}, until ${moment(entry.untilMs)}, by ${entry.by}: ${entry.reason}`
    case 'release':
      return `${entry.version}, bundle ${entry.bundle.slice(7, 19)}, run ${entry.runId}`
    case 'promotion':
      return `${entry.version} to ${entry.channel}, by ${entry.by}`
    case 'loss':
      return `${entry.versions.join(', ')} accepted as lost, by ${entry.by}: ${entry.reason}`
    case 'withdrawal':
      return `${entry.version}${entry.by === undefined ? '' : `, by ${entry.by}`}: ${entry.reason}`
  }
}

const usage = (fact: string) =>
  new SheikhError('invalid-options', `Cannot do that with the ledger: ${fact}. See: sheikh ledger --help`)
