import { SheikhError } from '../core/index.js'
import type { ReleasedModel } from '../releaser/index.js'
import type { Repository } from '../repository/index.js'
import type { Terminal } from './command.js'
import { showWork } from './progress.js'

type Values = Readonly<Record<string, string | boolean | undefined>>

/**
 * Loads the model of the release that `--version` or `--channel` names. The release is verified first, because a release that
 * somebody altered answers nothing.
 *
 * @throws `invalid-options`; `not-found`; `artifact-corrupt` if a check of the release fails.
 */
export async function loadNamed<I>(
  values: Values,
  repository: Repository,
  terminal: Terminal,
): Promise<ReleasedModel<I>> {
  const version = await versionNamed(values, repository, terminal)
  showWork(terminal, 'verify the release')
  const verified = await repository.verify(version)
  const { checkHolds } = await import('../repository/index.js')
  checkHolds('predict', verified)
  return repository.loadModel<I>({ version: verified.version })
}

async function versionNamed(
  { version, channel }: Values,
  repository: Repository,
  { signal }: Terminal,
): Promise<string | undefined> {
  if (typeof version === 'string' && typeof channel === 'string')
    throw new SheikhError(
      'invalid-options',
      `Cannot predict: both --version and --channel are given. Give one of them. See: sheikh predict --help`,
    )
  if (typeof version === 'string') return version.replace(/^v/, '')
  if (typeof channel !== 'string') return undefined
  const known = await (await repository.pipeline()).channels({ signal })
  if (Object.hasOwn(known, channel)) return known[channel]
  throw new SheikhError(
    'not-found',
    `Cannot predict: the channel "${channel}" points at no release. Known channels: ${Object.keys(known).join(', ') || 'none'}. Point a channel at a release with: sheikh promote <version> --to ${channel}`,
  )
}
