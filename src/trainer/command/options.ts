import { type Json, SheikhError } from '../../core/index.js'

/** A program and its arguments, started as they are: no shell reads them. */
export type Command =
  | readonly [command: string, ...args: string[]]
  | {
      readonly command: string
      readonly args?: readonly string[] | undefined
      /** Where it runs, below `directory`. @default '.' */
      readonly cwd?: string | undefined
    }

export interface CommandTrainerOptions {
  /** Trains. The path of its request is added as the last argument. */
  readonly fit: Command
  /** Predicts, for the candidate and the baseline alike. The path of its request is added as the last argument. */
  readonly predict: Command
  /** Where both run and what `inputs` are below; better absolute. @default '.' */
  readonly directory?: string | undefined
  /**
   * Files and folders whose bytes decide the result. They are in the key: after an edit nothing is up to date.
   * Files that the command lines of `fit` and `predict` name are added. A project's run refuses those of its repository that
   * are not in the commit, unless a package manager installed them. Absent, and without a `version`: nothing is ever reused.
   */
  readonly inputs?: readonly string[] | undefined
  /**
   * Where the values of variables come from. Passed are those that any program needs (PATH, HOME, LANG, TMPDIR; on Windows
   * those that it cannot do without), those of `env`, and no others.
   *
   * @default the variables of this process
   */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Names of further variables to pass. Names are in the key, values are not: what decides the result belongs in `config`. */
  readonly env?: readonly string[] | undefined
  /** Handed to both programs, and in the key. @default null */
  readonly config?: Json | undefined
  /** As `Trainer.weightsFormat`. */
  readonly weightsFormat?: string | undefined
  /** As `Trainer.targets`. */
  readonly targets?: 'labels' | undefined
  /**
   * `fit` starts from the weights in `paths.base` where the request has it. Said, and not assumed: a program that never looks
   * there would train from scratch without a word. @default it cannot
   */
  readonly warmStart?: true | undefined
  /** @default 'command' */
  readonly name?: string | undefined
  /** For what neither `inputs` nor `config` holds: a container image, a cluster. @default '1' where `inputs` is given */
  readonly version?: string | undefined
  /** The longest that `fit` may take, in milliseconds, 1 to 2,147,483,647. @default no limit */
  readonly timeLimitMs?: number | undefined
  /** The longest that `predict` may take to load, and for one batch, in milliseconds. @default 600,000 */
  readonly predictLimitMs?: number | undefined
  /** What a program has between SIGTERM and SIGKILL, in milliseconds. @default 5,000 */
  readonly graceMs?: number | undefined
  /** Inputs that `predict` gets at once. @default 64 */
  readonly batchSize?: number | undefined
  /** Below this nothing is trained. @default 268,435,456 (256 MiB) */
  readonly minimumFreeBytes?: number | undefined
  /** Hidden in all that the programs print, with the values of those `env` variables whose names speak of a token, key or password. */
  readonly secrets?: readonly string[] | undefined
}

/** A command with nothing left out. */
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

/** Longer timers fire at once. */
const longestTimerMs = 2 ** 31 - 1

/** @throws `invalid-options` for the first thing that cannot be used. */
export function checkOptions(options: CommandTrainerOptions): void {
  for (const name of ['fit', 'predict'] as const) {
    const { command, args, cwd } = argvOf(options[name])
    const strings = [command, ...args, cwd].every((part) => typeof part === 'string' && !part.includes('\0'))
    if (!strings || command === '') throw unusable(name, 'is not a program with arguments')
  }
  for (const name of ['timeLimitMs', 'predictLimitMs', 'graceMs'] as const) {
    const value = options[name]
    if (value !== undefined && !(value >= 1 && value <= longestTimerMs))
      throw unusable(name, `is ${value}, and must be from 1 to ${longestTimerMs}`)
  }
  const { batchSize = 1, minimumFreeBytes = 0, env = [] } = options
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) throw unusable('batchSize', 'is not a whole number above 0')
  if (!(minimumFreeBytes >= 0)) throw unusable('minimumFreeBytes', 'is not a number from 0')
  const odd = env.find((name) => name === '' || /[=\0]/.test(name) || name === requestVariable)
  if (odd !== undefined) throw unusable('env', `holds ${JSON.stringify(odd)}, which is not the name of a variable`)
  const keyed = JSON.stringify([argvOf(options.fit), argvOf(options.predict), options.config ?? null])
  // Long enough not to be an ordinary word: the redactor's own limit.
  if (
    (options.secrets ?? []).some((secret) => secret.length >= 6 && keyed.includes(JSON.stringify(secret).slice(1, -1)))
  )
    throw unusable(
      'secrets',
      'has one that stands in a command or in config, which are recorded. Pass it in a variable',
    )
}

/** Names the file that the last argument names too. */
export const requestVariable = 'SHEIKH_REQUEST'

const unusable = (option: string, fact: string) =>
  new SheikhError('invalid-options', `Cannot make a command trainer: "${option}" ${fact}.`, { facts: { option } })
