import { canonicalJson, fits, type Json, type JsonObject, SheikhError } from '../core/index.js'
import { isName, type Store } from '../store/index.js'
import { type StoredTrial, storedTrialShape } from './trial.js'

/** The finished trials of a search, in a journal of the store: one line for the settings, and one line per trial. */
export class Study {
  readonly #store: Store
  readonly #journal: string
  #length: number
  #writing: Promise<void> = Promise.resolve()
  /** By number. */
  readonly trials: Map<number, StoredTrial>

  private constructor(store: Store, journal: string, length: number, trials: Map<number, StoredTrial>) {
    this.#store = store
    this.#journal = journal
    this.#length = length
    this.trials = trials
  }

  /**
   * Opens a study, or begins one.
   *
   * @param settings everything that decides which parameters are suggested, and what their results mean.
   * @throws `invalid-options` if the study was begun with other settings; `artifact-corrupt` for a line that is not a trial.
   */
  static async open(store: Store, name: string, settings: JsonObject): Promise<Study> {
    const journal = journalOf(name)
    const lines = await store.journals.read(journal)
    if (lines.length === 0) {
      await store.journals.append(journal, canonicalJson({ formatVersion: 1, settings }), 0)
      return new Study(store, journal, 1, new Map())
    }
    const before = readLines(lines, journal)
    checkSettings(before.settings, settings, name)
    return new Study(store, journal, lines.length, before.trials)
  }

  /** What the store has of a study; `undefined` if it was never begun. @throws `artifact-corrupt` as `open`. */
  static async read(
    store: Store,
    name: string,
  ): Promise<{ readonly settings: JsonObject; readonly trials: ReadonlyMap<number, StoredTrial> } | undefined> {
    const journal = journalOf(name)
    const lines = await store.journals.read(journal)
    return lines.length === 0 ? undefined : readLines(lines, journal)
  }

  /** Adds a trial durably. */
  async add(trial: StoredTrial): Promise<void> {
    // One after the other: each line states how many are before it.
    this.#writing = this.#writing.then(async () => {
      await this.#store.journals.append(this.#journal, canonicalJson(trial as unknown as Json), this.#length)
      this.#length += 1
      this.trials.set(trial.number, trial)
    })
    await this.#writing
  }
}

function journalOf(name: string): string {
  if (isName(name)) return `tune-${name}`
  throw new SheikhError(
    'invalid-options',
    `Cannot use ${JSON.stringify(name)} as the name of a study. Use lower-case letters, digits and "-".`,
    { facts: { study: name } },
  )
}

function readLines(lines: readonly string[], journal: string) {
  const [first, ...rest] = lines.map((line, index) => parsed(line, index, journal))
  const settings = (first as { readonly settings?: JsonObject } | null)?.settings
  if (typeof settings !== 'object' || settings === null) throw corrupt(journal, 0)
  const trials = new Map<number, StoredTrial>()
  for (const [index, trial] of rest.entries()) {
    if (!fits(storedTrialShape, trial)) throw corrupt(journal, index + 1)
    trials.set(trial.number, trial)
  }
  return { settings, trials }
}

function parsed(line: string, index: number, journal: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    throw corrupt(journal, index)
  }
}

const corrupt = (journal: string, index: number) =>
  new SheikhError(
    'artifact-corrupt',
    `Cannot continue the study: line ${index + 1} of the journal "${journal}" is not a trial of this version. Give the study another name.`,
    { facts: { journal, line: index + 1 } },
  )

function checkSettings(before: JsonObject, settings: JsonObject, name: string): void {
  const different = Object.keys(settings).find(
    (key) => canonicalJson(settings[key]!) !== canonicalJson(before[key] ?? null),
  )
  if (different === undefined) return
  throw new SheikhError(
    'invalid-options',
    `Cannot continue the study "${name}": its ${different} changed, so its trials cannot be compared with new ones. Restore the ${different}, or give the study another name.`,
    { facts: { study: name, setting: different } },
  )
}
