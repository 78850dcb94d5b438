import type { CallContext, SheikhError } from '../../core/index.js'
import type { Fetch } from '../../releaser/remote/index.js'

/** Where a branch is kept. */
export interface LedgerPlace {
  /** The branch's last commit, everything of it in this clone; `undefined` where there is no such branch. @throws `storage-failed`. */
  tip(context: CallContext): Promise<string | undefined>
  /** The full names of the branches there whose names begin with that of this branch. @throws `storage-failed`. */
  alike(context: CallContext): Promise<readonly string[]>
  /**
   * Fetches everything of the branch again, whatever this clone has of it. Absent: the branch is kept in this clone.
   *
   * @throws `storage-failed`.
   */
  refetch?: ((context: CallContext) => Promise<void>) | undefined
  /**
   * Moves the branch to `next`, if it stands at `expected` (`undefined`: if there is none): all in one step there.
   *
   * @returns why it was refused; `undefined` where it was moved.
   * @throws `storage-failed`; the branch may have moved all the same.
   */
  move(next: string, expected: string | undefined, context: CallContext): Promise<SheikhError | undefined>
}

export interface Credentials {
  readonly username: string
  readonly password: string
}

/** Who asks a server. Only called with a URL, and sent to no other. */
export type OnAuth = (url: string) => Credentials | undefined

export interface RemotePlaceOptions {
  /** Its name in Git's configuration. */
  readonly remote: string
  /** The whole name of the branch there. */
  readonly ref: string
  readonly onAuth?: OnAuth | undefined
  /** Names a proxy. @default none */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined
  /** Sends requests through a proxy; absent: there is none. */
  readonly proxied?: Fetch | undefined
}
