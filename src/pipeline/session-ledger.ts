import { type CallContext, digestJson } from '../core/index.js'
import type { Ledger, LedgerEntry } from '../gate/index.js'

/** The ledger in one command, which may be far away: read when it is asked for anew, and followed from there. */
export class SessionLedger {
  readonly #ledger: Ledger
  #entries: readonly LedgerEntry[] | undefined

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  /** As it is now, with what others appended. */
  async readAnew(context: CallContext): Promise<readonly LedgerEntry[]> {
    this.#entries = await this.#ledger.read(context)
    return this.#entries
  }

  /** As it was read last, with what this command appended since. */
  async read(context: CallContext): Promise<readonly LedgerEntry[]> {
    return this.#entries ?? this.readAnew(context)
  }

  async append(...[event, context, find]: Parameters<Ledger['append']>): Promise<void> {
    const entry = await this.#ledger.append(event, context, find)
    const last = this.#entries?.at(-1)
    // Where somebody else appended meanwhile, it is read again.
    const isNext = entry.previous === (last === undefined ? null : digestJson(last))
    this.#entries = this.#entries !== undefined && isNext ? [...this.#entries, entry] : undefined
  }
}
