import { resolve } from 'node:path'
import { callContext, SheikhError } from '../core/index.js'
import { directoryFeedback, type FeedbackStore } from '../feedback/index.js'
import type { Arguments, Terminal } from './command.js'
import { logTo } from './project.js'

/** The store that `--store` names. @throws `invalid-options` if it is not given. */
export function feedbackStoreOf({ values }: Arguments, terminal: Terminal): FeedbackStore {
  const folder = values['store']
  if (typeof folder !== 'string' || folder === '')
    throw new SheikhError(
      'invalid-options',
      'Cannot open the feedback: no folder is given. Add --store <folder>, the one of "sheikh serve --feedback <folder>".',
    )
  return directoryFeedback(resolve(terminal.cwd, folder))
}

export const contextOf = (terminal: Terminal) => callContext({ signal: terminal.signal, log: logTo(terminal) })
