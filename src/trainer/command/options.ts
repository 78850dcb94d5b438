import { type Json, SheikhError } from '../../core/index.js'

/** A program and its arguments, started without a shell. */
export type Command =
  | readonly [command: string, ...args: string[]]
  | {
      readonly command: string
      readonly args?: readonly string[] | undefined
      /** Working directory, relative to `directory`. @default '.' */
      readonly cwd?: string | undefined
    }

export interface CommandTrainerOptions {
  /** The command that trains. The path of the request is appended as the last argument. */
  readonly fit: Command
  /**
   * The command that predicts, for candidate and baseline. The path of the request is appended as the last argument.
   */
  readonly predict: Command
  /** Base directory of both commands and of `inputs`. An absolute path is recommended. @default '.' */
  readonly directory?: string | undefined
  /**
   * Files and folders whose content decides the result. They are part of the key, so an edit leads to a new training.
   * Files named in the commands of `fit` and `predict` are added. A run of a project rejects files of its repository
   * that are not in the commit, unless a package manager installed them. Without `inputs` and `version`, results are
   * never reused.
   */
  readonly inputs?: readonly string[] | undefined
  /**
   * Source of environment variables. Only the variables that every program needs (PATH, HOME, LANG, TMPDIR; on Windows
   * the required ones) and those in `env` are passed.
   *
   * @default the variables of this process
   */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Names of further variables to pass. Names are part of the key, values are not: put values that decide the result in
   * `config`.
   */
  readonly env?: readonly string[] | undefined
  /** Passed to both programs, and part of the key. @default null */
  readonly config?: Json | undefined
  /** See `Trainer.weightsFormat`. */
  readonly weightsFormat?: string | undefined
  /** See `Trainer.targets`. */
  readonly targets?: 'labels' | undefined
  /**
   * `fit` starts from the weights in `paths.base` if the request has them. Must be declared, because a program that
   * ignores `paths.base` would silently train from scratch. @default not supported
   */
  readonly warmStart?: true | undefined
  /** @default 'command' */
  readonly name?: string | undefined
  /**
   * Version of everything outside `inputs` and `config`, such as a container image or a cluster. @default '1' if
   * `inputs` is given
   */
  readonly version?: string | undefined
  /** Time limit for `fit`, in milliseconds, 1 to 2,147,483,647. @default no limit */
  readonly timeLimitMs?: number | undefined
  /** Time limit for `predict` to load, and for one batch, in milliseconds. @default 600,000 */
  readonly predictLimitMs?: number | undefined
  /** Time between SIGTERM and SIGKILL, in milliseconds. @default 5,000 */
  readonly graceMs?: number | undefined
  /** Number of inputs per batch for `predict`. @default 64 */
  readonly batchSize?: number | undefined
  /** Minimum free disk space for training, in bytes. @default 268,435,456 (256 MiB) */
  readonly minimumFreeBytes?: number | undefined
  /**
   * Secrets to hide in everything that the programs print. Values of `env` variables are hidden too if their names
   * contain words such as token, key or password.
   */
  readonly secrets?: readonly string[] | undefined
}

/** A command with all defaults filled in. */
export interface Argv {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
}

export function argvOf(command: Command): Argv {
  if ('command' in command) return { command: command.command, args: command.args ?? [], cwd: command.cwd ?? '.' }
  const [name, ...args] = command
  return { command: name, args, cwd: '.' }
}

/** Longer timers fire immediately. */
const longestTimerMs = 2 ** 31 - 1

/** @throws `invalid-options` for the first invalid option. */
export function checkOptions(options: CommandTrainerOptions): void {
  for (const name of ['fit', 'predict'] as const) {
    const { command, args, cwd } = argvOf(options[name])
    const strings = [command, ...args, cwd].every((part) => typeof part === 'string' && !part.includes('\0'))
    if (!strings || command === '') throw unusable(name, 'is not a program with arguments')
  }
  for (const name of ['timeLimitMs', 'predictLimitMs', 'graceMs'] as const) {
    const value = options[name]
    if (value !== undefined && !(value >= 1 && value <= longestTimerMs))
      throw unusable(name, `is ${value}, but must be from 1 to ${longestTimerMs}`)
  }
  const { batchSize = 1, minimumFreeBytes = 0, env = [] } = options
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) throw unusable('batchSize', 'is not a whole number above 0')
  if (!(minimumFreeBytes >= 0)) throw unusable('minimumFreeBytes', 'is not a number of at least 0')
  const odd = env.find((name) => name === '' || /[=\0]/.test(name) || name === requestVariable)
  if (odd !== undefined) throw unusable('env', `contains ${JSON.stringify(odd)}, which is not the name of a variable`)
  const keyed = JSON.stringify([argvOf(options.fit), argvOf(options.predict), options.config ?? null])
  // The redactor's minimum length, so that ordinary words do not count.
  if (
    (options.secrets ?? []).some((secret) => secret.length >= 6 && keyed.includes(JSON.stringify(secret).slice(1, -1)))
  )
    throw unusable(
      'secrets',
      'has a value that also appears in a command or in config, which are recorded. Pass it in a variable',
    )
}

/** Environment variable with the path of the request, the same as the last argument. */
export const requestVariable = 'SHEIKH_REQUEST'

const unusable = (option: string, fact: string) =>
  new SheikhError('invalid-options', `Cannot make a command trainer: "${option}" ${fact}.`, { facts: { option } })
