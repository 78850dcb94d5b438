import { isSheikhError, messageOf } from '../core/index.js'
import { styled, type Text } from './styled-text.js'

/** An error as the error output shows it: the message, the code and its documentation. */
export function errorText(error: unknown): Text {
  const message = messageOf(error)
  if (!isSheikhError(error)) return [styled('bad', 'sheikh:'), ` ${message}\n`]
  // The last line of a long message may be the output of a program, which the code is no part of.
  const separator = message.includes('\n') ? '\n' : ' '
  return [
    styled('bad', 'sheikh:'),
    ` ${message}${separator}`,
    styled('faint', `[${error.code}] See ${error.docs}`),
    '\n',
  ]
}
