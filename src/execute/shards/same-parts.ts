import { type Digest, SheikhError } from '../../core/index.js'

/** What the caller of a job has, and the worker must have too, by its name. `null`: there is none, or it has no version. JSON. */
export type SameParts = Readonly<Record<string, Digest | null>>

/**
 * @param purpose as in "Cannot <purpose>".
 * @throws `version-mismatch` with the first part of the worker that differs.
 */
export function requireSameParts(purpose: string, expected: SameParts, found: SameParts): void {
  // In the order of the worker's: the order of the caller's is lost on the way.
  for (const part of Object.keys({ ...found, ...expected })) {
    const [digest, other] = [expected[part] ?? null, found[part] ?? null]
    if (other !== digest)
      throw new SheikhError(
        'version-mismatch',
        `Cannot ${purpose}: the ${part} of the worker differs from the ${part} of the caller. Give both the same code, configuration, files, packages and device, and restart the workers.`,
        { facts: { part, expected: digest, found: other } },
      )
  }
}
