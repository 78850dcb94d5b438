import { SheikhError } from '../core/index.js'
import type { ReleasedModel } from '../releaser/index.js'
import type { Repository, Verification } from '../repository/index.js'
import type { Terminal } from './command.js'
import { showWork } from './progress.js'

type Values = Readonly<Record<string, string | boolean | undefined>>

/**
 * Loads the model of the release that `--version` or `--channel` names. The release is verified first, because a release that
 * somebody altered answers nothing.
 *
 * @param doing the command, for its errors.
 * @throws `invalid-options`; `not-found`; `artifact-corrupt` if a check of the release fails.
 */
export async function loadNamed<I>(
  doing: 'predict' | 'serve',
  values: Values,
  repository: Repository,
  terminal: Terminal,
): Promise<ReleasedModel<I>> {
  const version = await versionNamed(doing, values, repository, terminal)
  showWork(terminal, 'verify the release')
  const verified = await repository.verify(version)
  checkHolds(doing, verified)
  // A server answers health checks while the model predicts.
  return repository.loadModel<I>({ version: verified.version, thread: doing === 'serve' ? 'own' : 'caller' })
}

async function versionNamed(
  doing: string,
  { version, channel }: Values,
  repository: Repository,
  { signal }: Terminal,
): Promise<string | undefined> {
  if (typeof version === 'string' && typeof channel === 'string')
    throw new SheikhError(
      'invalid-options',
      `Cannot ${doing}: both --version and --channel are given. Give one of them. See: sheikh ${doing} --help`,
    )
  if (typeof version === 'string') return version.replace(/^v/, '')
  if (typeof channel !== 'string') return undefined
  const known = await (await repository.pipeline()).channels({ signal })
  if (Object.hasOwn(known, channel)) return known[channel]
  throw new SheikhError(
    'not-found',
    `Cannot ${doing}: the channel "${channel}" points at no release. Known channels: ${Object.keys(known).join(', ') || 'none'}. Point a channel at a release with: sheikh promote <version> --to ${channel}`,
  )
}

function checkHolds(doing: string, { version, checks, holds }: Verification): void {
  if (holds) return
  const failed = checks.find(({ status }) => status === 'invalid')
  throw new SheikhError(
    'artifact-corrupt',
    `Cannot ${doing} with ${version}: ${failed === undefined ? 'no trusted key signed it' : `its ${failed.name} is invalid (${failed.detail})`}. For all checks: sheikh verify ${version}`,
    { facts: { version, checks } },
  )
}
