import { isSheikhError, messageOf } from '../core/index.js'

/** An error as the error output shows it: the message, the code and its documentation. */
export function errorText(error: unknown): string {
  const message = messageOf(error)
  if (!isSheikhError(error)) return `sheikh: ${message}\n`
  // The last line of a long message may be the output of a program, which the code is no part of.
  const separator = message.includes('\n') ? '\n' : ' '
  return `sheikh: ${message}${separator}[${error.code}] See ${error.docs}\n`
}
