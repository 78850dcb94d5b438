import { SheikhError } from '../core/index.js'
import type { Provenance, RunOptions } from './options.js'
import type { Session } from './session.js'

/** Asks for the provenance while `work` is done, and waits for both, so that neither goes on after the run. */
export async function askProvenance<V>(
  { options, context }: Session,
  work: () => Promise<V>,
): Promise<{ readonly provenance: Promise<Provenance>; readonly value: V }> {
  const provenance = (async () => (await options.provenance?.(context)) ?? { dirtyPaths: [] })()
  // Handled from the start: it may be rejected while the work goes on, and nobody awaits it until then.
  const settled = provenance.catch(() => {})
  try {
    return { provenance, value: await work() }
  } finally {
    await settled
  }
}

/** Writes down the commit that the work comes from. @throws `repository-dirty`. */
export async function recordProvenance(
  session: Session,
  asked: Promise<Provenance>,
  { allowDirty = false }: RunOptions,
): Promise<void> {
  const provenance = await asked
  const dirty = provenance.dirtyPaths.length > 0
  if (dirty && !allowDirty)
    throw new SheikhError('repository-dirty', `Cannot run: ${whyDirty(provenance)}`, {
      facts: { paths: provenance.dirtyPaths.slice(0, 100) },
    })
  await session.update({ commit: provenance.commit, dirty })
}

/** A sentence and a remedy for each kind of file that is not as the commit holds it. */
function whyDirty({ dirtyPaths, ignoredPaths = [], absentPaths = [] }: Provenance): string {
  const others = new Set([...ignoredPaths, ...absentPaths])
  const differing = dirtyPaths.filter((path) => !others.has(path))
  const sentences = [
    say(differing, ['differs from the commit', 'differ from the commit'], 'Commit them'),
    say(
      ignoredPaths,
      ['is ignored by Git, so no commit holds it', 'are ignored by Git, so no commit holds them'],
      'Remove the pattern from .gitignore and commit them, or move them elsewhere',
    ),
    say(
      absentPaths,
      ['is in the commit and not in this checkout', 'are in the commit and not in this checkout'],
      'Fetch them: git sparse-checkout disable, or git submodule update --init',
    ),
  ].filter((sentence) => sentence !== '')
  return `${sentences.join(' ')} Or run with --allow-dirty; no channel will then point at the release.`
}

function say(paths: readonly string[], [one, many]: readonly [string, string], remedy: string): string {
  if (paths.length === 0) return ''
  const named = `${paths.slice(0, 5).join(', ')}${paths.length > 5 ? ', …' : ''}`
  return paths.length === 1
    ? `1 file that a run reads ${one} (${named}). ${remedy.replaceAll(/\bthem\b/g, 'it')}.`
    : `${paths.length} files that a run reads ${many} (${named}). ${remedy}.`
}
