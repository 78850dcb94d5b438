import { join, resolve } from 'node:path'
import { type Json, plainPath, type Redactor } from '../../core/index.js'
import { type Argv, argvOf, type CommandTrainerOptions, checkOptions } from './options.js'
import { passedVariables, redactorOf } from './variables.js'

/** Options with defaults, and values derived from them. */
export interface Settings {
  readonly fit: Argv
  readonly predict: Argv
  readonly config: Json
  readonly variables: Readonly<Record<string, string>>
  readonly redact: Redactor
  readonly timeLimitMs: number | undefined
  readonly predictLimitMs: number
  readonly graceMs: number
  readonly batchSize: number
  readonly minimumFreeBytes: number
}

/** @throws `invalid-options` */
export function settingsOf(options: CommandTrainerOptions): Settings {
  checkOptions(options)
  const directory = resolve(plainPath(options.directory ?? '.', '"directory" of a command trainer'))
  for (const input of options.inputs ?? []) plainPath(input, '"inputs" of a command trainer')
  for (const command of [options.fit, options.predict]) plainPath(argvOf(command).cwd, '"cwd" of a command trainer')
  const placed = ({ cwd, ...argv }: Argv): Argv => ({ ...argv, cwd: join(directory, cwd) })
  const variables = passedVariables(options.environment ?? process.env, options.env ?? [])
  return {
    fit: placed(argvOf(options.fit)),
    predict: placed(argvOf(options.predict)),
    config: options.config ?? null,
    variables,
    redact: redactorOf(options.secrets ?? [], variables),
    timeLimitMs: options.timeLimitMs,
    predictLimitMs: options.predictLimitMs ?? 600_000,
    graceMs: options.graceMs ?? 5_000,
    batchSize: options.batchSize ?? 64,
    minimumFreeBytes: options.minimumFreeBytes ?? 256 << 20,
  }
}
