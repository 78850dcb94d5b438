/** Why a watcher cannot continue at the moment. */
export type WatchObstacle =
  /** The remote cannot be reached, or does not have the branch. */
  | 'remote'
  /** The checkout has commits that the branch lacks: the branch was rewritten, or somebody committed here. */
  | 'diverged'
  /** Files of the checkout were edited, or Git refuses to change them. */
  | 'checkout'
  /** Another run of the project, or of another project in the same checkout, is active. */
  | 'locked'

/** What `watchProject` reports. Plain JSON. */
export type WatchEvent = { readonly atMs: number } & (
  | {
      readonly type: 'watching'
      readonly project: string
      readonly remote: string
      readonly branch: string
      readonly intervalMs: number
    }
  /** The checkout was fast-forwarded. */
  | {
      readonly type: 'updated'
      /** Absent: the checkout had no commit. */
      readonly from?: string | undefined
      readonly commit: string
      readonly commits: number
      /** Files such as `package.json` that changed: the dependencies may have to be installed. Nothing is installed. */
      readonly dependencies: readonly string[]
    }
  | {
      readonly type: 'run-start'
      readonly commit: string
      /** The schedule that is due. */
      readonly schedule?: string | undefined
      /** Counts from 1. More than 1 after a failure that is safe to repeat. */
      readonly attempt: number
    }
  /** One line that the run printed on its error output, such as a warning. */
  | { readonly type: 'run-output'; readonly line: string }
  | {
      readonly type: 'run-end'
      readonly commit: string
      readonly schedule?: string | undefined
      /** Of `sheikh run`; `null` if a signal killed the process. */
      readonly exitCode: number | null
      /** The status of the run; `not-triggered`, `failed`, or `stopped` with the watcher. */
      readonly status: string
      readonly runId?: string | undefined
      readonly version?: string | undefined
      /** Why, in one or two sentences. */
      readonly message: string
      /** The code of the error. */
      readonly code?: string | undefined
      readonly durationMs: number
      /** The run is repeated after this time. */
      readonly retryInMs?: number | undefined
    }
  /** Something must change before the watcher can continue. It looks again at each interval, and reports this once. */
  | {
      readonly type: 'blocked'
      readonly obstacle: WatchObstacle
      /** What is wrong, and the remedy. */
      readonly message: string
      /** The files, if the checkout is the obstacle. */
      readonly paths?: readonly string[] | undefined
    }
  | { readonly type: 'unblocked'; readonly obstacle: WatchObstacle }
  /** The last event. */
  | {
      readonly type: 'stopped'
      /** 0, or with `once` the exit code of the run: 130 if it was aborted, 1 if the checkout is blocked, 4 if the remote cannot be reached, 5 if locked. */
      readonly exitCode: number
    }
)

/** What is in the way now. */
export type Blocked = Pick<Extract<WatchEvent, { type: 'blocked' }>, 'obstacle' | 'message' | 'paths'>

export type WatchEventBody = WatchEvent extends infer Event
  ? Event extends WatchEvent
    ? Omit<Event, 'atMs'>
    : never
  : never
