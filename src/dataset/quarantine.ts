import { readFile, stat } from 'node:fs/promises'
import {
  type Digest,
  digest,
  fits,
  list,
  messageOf,
  object,
  optional,
  plainPath,
  SheikhError,
  text,
  word,
} from '../core/index.js'
import { isPointerText, pointerProblem } from '../store/index.js'
import type { DatasetContext, DatasetSummary, PinnedSet } from './dataset-types.js'
import { parseJsonText } from './json-text.js'

/** A sample that is excluded from the dataset, and why. */
export interface QuarantinedSample {
  readonly id: string
  /** The digest of the sample when it was excluded. */
  readonly digest: Digest
  /** The kind of finding, such as `duplicate`. */
  readonly kind: string
  readonly reason: string
  /** Who excluded it. */
  readonly by?: string | undefined
}

/** Reads the excluded samples; none if there is no list. */
export interface QuarantineSource {
  readonly name: string
  read(context: DatasetContext): Promise<readonly QuarantinedSample[]>
}

/** More than a million samples. Node.js reads no text of more than 512 MiB. */
const maximumBytes = 400_000_000

const quarantineShape = object({
  formatVersion: word(1),
  samples: list(object({ id: text, digest, kind: text, reason: text, by: optional(text) })),
})

/** Formats excluded samples as JSON with one sample per line, sorted by id, so that Git diffs are readable. @throws `invalid-options` if they are too many to be read again. */
export function formatQuarantine(samples: readonly QuarantinedSample[]): string {
  const lines = [...samples]
    .sort((one, other) => (one.id < other.id ? -1 : 1))
    .map(({ id, digest, kind, reason, by }) => `    ${JSON.stringify({ id, digest, kind, reason, by })}`)
  const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 2, 100)
  if (bytes > maximumBytes)
    throw new SheikhError(
      'invalid-options',
      `Cannot quarantine ${samples.length} samples: their list would have ${bytes} bytes, but the maximum is ${maximumBytes}. Remove the samples from the source, or quarantine fewer.`,
    )
  return `{\n  "formatVersion": 1,\n  "samples": [${lines.length === 0 ? '' : `\n${lines.join(',\n')}\n  `}]\n}\n`
}

/** Reads excluded samples from a file. If the file does not exist, none is excluded. @throws `dataset-invalid`. */
export function quarantineFile(path: string): QuarantineSource {
  plainPath(path, 'the path of a quarantine file')
  const refused = (fact: string, facts: Readonly<Record<string, unknown>> = {}) =>
    new SheikhError(
      'dataset-invalid',
      `Cannot read the quarantine ${JSON.stringify(path)}: ${fact}. Restore it from Git.`,
      {
        facts: { path, ...facts },
      },
    )
  return {
    name: path,
    async read({ signal }) {
      signal.throwIfAborted()
      let content: string
      try {
        const found = await stat(path)
        const { size } = found
        // A pipe would be read without end.
        if (!found.isFile()) throw refused('it is not a file')
        if (size > maximumBytes) throw refused(`it has ${size} bytes, but the maximum is ${maximumBytes}`)
        content = await readFile(path, 'utf8')
        if (isPointerText(content)) throw refused(pointerProblem)
      } catch (error) {
        if (error instanceof SheikhError) throw error
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw refused(messageOf(error))
      }
      const parsed = parseJsonText(content)
      if ('problem' in parsed) {
        const { line, column, message } = parsed.problem
        throw refused(`${message} in line ${line}, column ${column}`, { line, column })
      }
      const { value } = parsed
      if (!fits(quarantineShape, value))
        throw refused('it does not list samples with "id", "digest", "kind" and "reason"')
      return value.samples
    },
  }
}

/** Warnings about entries that name no sample, or a sample with another content: it may have been corrected. */
export function quarantineWarnings(
  samples: readonly QuarantinedSample[],
  digests: ReadonlyMap<string, Digest>,
): DatasetSummary['warnings'] {
  const absent = samples.filter(({ id }) => !digests.has(id))
  const changed = samples.filter(({ id, digest }) => digests.has(id) && digests.get(id) !== digest)
  const warning = (code: string, fact: string, found: readonly QuarantinedSample[]) =>
    found.length === 0
      ? []
      : [
          {
            code,
            message: `${found.length} quarantined ${found.length === 1 ? 'sample' : 'samples'} ${fact}.`,
            ids: found.map(({ id }) => id).slice(0, 100),
          },
        ]
  return [
    ...warning(
      'quarantine-absent',
      'no longer exist. To remove them from the list: sheikh data quarantine --undo <id>',
      absent,
    ),
    ...warning(
      'quarantine-changed',
      'changed since and are still excluded. To use them again: sheikh data quarantine --undo <id>',
      changed,
    ),
  ]
}

/** @throws `dataset-invalid` if a sample is both pinned and quarantined. */
export function refusePinned(samples: readonly QuarantinedSample[], { items }: PinnedSet): void {
  const pinned = new Set(items.map(({ id }) => id))
  const both = samples.filter(({ id }) => pinned.has(id)).map(({ id }) => id)
  if (both.length === 0) return
  throw new SheikhError(
    'dataset-invalid',
    `Cannot use the dataset: ${both
      .slice(0, 5)
      .map((id) => JSON.stringify(id))
      .join(
        ', ',
      )}${both.length > 5 ? ', …' : ''} ${both.length === 1 ? 'is' : 'are'} both in the evaluation set and quarantined. Remove from the quarantine: sheikh data quarantine --undo <id>`,
    { facts: { ids: both.slice(0, 100) } },
  )
}
