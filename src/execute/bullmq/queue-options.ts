/** Where a queue of BullMQ is. Exactly one of `redis` and `postgres`. */
export interface QueueOptions {
  /** Redis ≥ 6.2: `redis://[user:password@]host[:port][/database]`, or `rediss://` for TLS. Needs the packages "bullmq" and "ioredis". */
  readonly redis?: string | undefined
  /** PostgreSQL ≥ 13: `postgres://[user:password@]host[:port]/database`. Needs the packages "bullmq" and "pg". */
  readonly postgres?: string | undefined
  /** Name of the queue: letters, digits, "-", "_" and ".". @default 'sheikh' */
  readonly queue?: string | undefined
}
