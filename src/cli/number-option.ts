import { SheikhError } from '../core/index.js'
import type { Arguments } from './command.js'

/**
 * The number that an option gives, or `undefined` if the option is absent. The caller checks the range.
 *
 * @param command of the help that the error names.
 * @throws `invalid-options` if the option is not a number.
 */
export function numberOption(values: Arguments['values'], name: string, command: string): number | undefined {
  const value = values[name]
  if (value === undefined) return undefined
  if (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value))) return Number(value)
  throw new SheikhError(
    'invalid-options',
    `Cannot run "sheikh ${command}": --${name} is ${JSON.stringify(value)}, which is not a number. Give a number. See: sheikh ${command} --help`,
  )
}
