import type { CallContext, Digest } from '../../core/index.js'

/** Counts the tokens of rows as a model's tokenizer makes them. Reads its files when they are needed. */
export interface TokenCounter {
  /** For people, such as the folder of the tokenizer. */
  readonly name: string
  /** The digest of everything that decides the counts. */
  digest(context: CallContext): Promise<Digest>
  open(context: CallContext): Promise<RowTokenCounter>
}

export interface RowTokenCounter {
  /** @returns `undefined` for an input that is neither text nor a conversation for which the model has a template. */
  count(input: unknown, target: unknown): Promise<RowTokens | undefined>
}

/** Numbers of tokens. */
export interface RowTokens {
  /** The input, with the tokens that begin a text. */
  readonly prompt: number
  /** The target, with the token that ends an answer. Absent if the target is not text. */
  readonly answer?: number | undefined
  /** The contents of the messages, by role, without the template around them. Absent if the input is text. */
  readonly roles?: readonly { readonly role: string; readonly tokens: number }[] | undefined
}

/** The tokens of a dataset. JSON. Contains no text of samples. */
export interface TokenCounts {
  readonly tokenizer: { readonly name: string; readonly digest: Digest }
  /** Number of rows that were counted. */
  readonly rows: number
  /** Rows whose input has no tokens: it is neither text nor a conversation, or it is a file. */
  readonly uncounted: number
  /** Of each prompt and answer together. */
  readonly sample: TokenDistribution
  readonly prompt: TokenDistribution
  /** Absent if no target is text. */
  readonly answer?: TokenDistribution | undefined
  /** By role, `other` for unusual names. Absent if no input is a conversation. */
  readonly roles?: Readonly<Record<string, { readonly messages: number; readonly tokens: number }>> | undefined
  /** Absent without a limit. */
  readonly limit?:
    | {
        readonly maximumTokens: number
        /** Number of rows whose prompt and answer together have more tokens. */
        readonly exceeding: number
      }
    | undefined
}

/** Numbers of tokens of the rows, and their sum. Quantiles are nearest-rank: numbers that rows have. */
export interface TokenDistribution {
  readonly minimum: number
  readonly median: number
  /** At most this many tokens have 95 % of the rows. */
  readonly p95: number
  readonly maximum: number
  readonly total: number
}
