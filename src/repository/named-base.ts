import { type CallContext, type Digest, SheikhError } from '../core/index.js'
import type { NamedBase } from '../pipeline/index.js'
import type { Releaser } from '../releaser/index.js'
import type { WarmStartConfiguration } from './config/index.js'
import { trainingFile } from './layout.js'

/** The base that the configuration names. @throws `invalid-config` where it does so by half; the digest is looked up, to be committed. */
export async function namedBase(
  named: WarmStartConfiguration | undefined,
  releaser: Releaser,
  context: CallContext,
): Promise<NamedBase | undefined> {
  if (named === undefined) return undefined
  const { version, digest, replayShare } = named
  if (version === undefined) throw unnamed('nothing says which', 'Write training.warm_start.version')
  if (digest !== undefined) return { version, digest: digest as Digest, replayShare }
  for await (const release of releaser.history(context))
    if (release.version === version)
      throw unnamed(
        `nothing says what is in ${version}`,
        `If this is the right release, set training.warm_start.digest: ${release.bundle}`,
      )
  throw unnamed(`there is none of version ${version}`, 'Write training.warm_start.version as "sheikh history" has it')
}

const unnamed = (fact: string, remedy: string) =>
  new SheikhError('invalid-config', `Cannot start from a release: ${fact}. ${remedy} in ${trainingFile}.`, {
    facts: { file: trainingFile },
  })
