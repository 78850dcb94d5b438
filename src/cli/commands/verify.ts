import { env } from 'node:process'
import { isSheikhError } from '../../core/index.js'
import type { Repository, Verification } from '../../repository/index.js'
import { type Command, type CommandResult, type Terminal, toJson } from '../command.js'
import { showWork } from '../progress.js'
import { open } from '../project.js'
import { joinTexts, styled, type Text } from '../styled-text.js'
import { terminalPath } from '../terminal-path.js'

export const verify: Command = {
  name: 'verify',
  usage: '[version | folder | hf:name/model@tag]',
  summary: 'Verify the files, signature, origin and ledger entries of a release',
  options: { keys: { type: 'string' }, remote: { type: 'boolean' } },
  optionHelp: {
    keys: 'File of trusted keys (default: mlops/keys/trusted.json of the project)',
    remote: 'Also look for commits, tags and assets in the registry that the ledger does not explain',
  },
  examples: ['sheikh verify 1.2.0 --remote', 'sheikh verify hf:team/spam@v1.2.0 --keys trusted.json'],
  positionals: [0, 1],
  async run({ project, positionals, values }, terminal) {
    const target = targetOf(positionals[0], terminal)
    const keysPath = typeof values['keys'] === 'string' ? terminalPath(terminal, values['keys'], '--keys') : undefined
    showWork(terminal, 'verify')
    const repository = await openIfProject(project, terminal)
    if (repository !== undefined)
      return answer(await repository.verify(target, { keysPath, remote: values['remote'] === true }))
    const { verifyElsewhere } = await import('../../repository/index.js')
    const { signal } = terminal
    return answer(await verifyElsewhere(target, { root: terminal.cwd, keysPath, environment: env, signal }))
  },
}

/** Accepts a version with or without its leading "v". Resolves a folder against the working directory. */
function targetOf(text: string | undefined, terminal: Terminal): string | undefined {
  if (text === undefined || text.startsWith('hf:')) return text
  const version = text.replace(/^v(?=\d)/, '')
  return /^\d+\.\d+\.\d+/.test(version) ? version : terminalPath(terminal, text, 'the folder of the release')
}

/** The project, or `undefined` outside of one: the files of a release are enough to verify it. */
async function openIfProject(project: string, terminal: Terminal): Promise<Repository | undefined> {
  try {
    return await open(project, terminal)
  } catch (error) {
    if (isSheikhError(error, 'repository-invalid')) return undefined
    throw error
  }
}

function answer(verification: Verification): CommandResult {
  const { version, checks, holds, touched, unexplained } = verification
  const lines: readonly Text[] = [
    ...checks.map(({ name, status, detail }) => `${name.padEnd(10)}  ${status.padEnd(7)}  ${detail}`),
    ...touched.map(
      ({ version: which, by, keyId, reason }) =>
        `affected: ${which} was signed with the key of ${by} (${keyId.slice(0, 12)}…), which is revoked${reason === undefined ? '' : `: ${reason}`}`,
    ),
    ...(unexplained ?? []).map(({ kind, name, fact }) => `unexplained ${kind} ${name}: ${fact}`),
    ...(unexplained?.length === 0 ? ['The ledger explains everything in the registries.'] : []),
    holds
      ? [styled('good', 'Verified'), `${version === undefined ? '' : `: ${version} is exactly what was released`}.`]
      : styled('bad', 'Not verified.'),
  ]
  return { text: joinTexts(lines), json: toJson(verification), exitCode: holds ? 0 : 1 }
}
