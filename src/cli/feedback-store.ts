import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { callContext, SheikhError } from '../core/index.js'
import { directoryFeedback, type FeedbackStore } from '../feedback/index.js'
import type { Arguments, Terminal } from './command.js'
import { logTo } from './project.js'

/**
 * The store that `--store` names.
 *
 * @param options.isNew whether the folder may not exist yet. @default false
 * @throws `invalid-options` if no folder is given, or if the folder does not exist.
 */
export function feedbackStoreOf(
  { values }: Arguments,
  terminal: Terminal,
  { isNew = false }: { readonly isNew?: boolean } = {},
): FeedbackStore {
  const folder = values['store']
  if (typeof folder !== 'string' || folder === '')
    throw new SheikhError(
      'invalid-options',
      'Cannot open the feedback: no folder is given. Add --store <folder>, the one of "sheikh serve --feedback <folder>".',
    )
  const path = resolve(terminal.cwd, folder)
  if (!isNew && !existsSync(path))
    throw new SheikhError(
      'invalid-options',
      `Cannot open the feedback: the folder "${path}" does not exist. Give the folder of "sheikh serve --feedback <folder>".`,
    )
  return directoryFeedback(path)
}

export const contextOf = (terminal: Terminal) => callContext({ signal: terminal.signal, log: logTo(terminal) })
