import type { PinnedSource, Projection, Source } from './dataset-types.js'
import type { NamedFilesOptions, TreeFilesOptions } from './files/named-files.js'
import type { QuarantineSource } from './quarantine.js'
import type { JsonSchema, JsonSchemaFile } from './schema/json-schema.js'
import type { StandardSchema } from './schema/standard-schema.js'

// biome-ignore lint/suspicious/noExplicitAny: samples that no Standard Schema describes may have any field, of any type.
export type UntypedSample = any

/** The name of a field of a sample. */
export type FieldName<S> = keyof S & string

/** How a part of a row is derived from a sample: a field name, a function, or a projection object. */
export type FieldSelector<S> = FieldName<S> | ((sample: S) => unknown) | Projection<S, unknown>

/** The type of a part's value. A field of an untyped sample is assumed to be text. */
export type SelectedValue<S, P> = P extends string
  ? 0 extends 1 & S
    ? string
    : P extends keyof S
      ? NonNullable<S[P]>
      : never
  : P extends (sample: never) => infer V
    ? NonNullable<V>
    : P extends { project(sample: never): infer V }
      ? NonNullable<V>
      : never

/** Selects the training rows from the rows that are neither pinned nor excluded by group. */
export interface TrainingSelection {
  /** Slice values to include, by kind of slice: `{ category: ['billing'] }`. @default all */
  readonly slices?: Readonly<Record<string, readonly string[]>> | undefined
  /**
   * Maximum number of rows, development rows included, 1 or more. Chosen by a hash of the group, so that new samples
   * change few of them. @default all
   */
  readonly maximumRows?: number | undefined
}

export interface DatasetOptions<S, Input extends FieldSelector<S>, Target extends FieldSelector<S>> {
  readonly source: Source
  /** Schema that samples must match: any Standard Schema, or a JSON Schema (draft-07). @default anything */
  readonly schema?: StandardSchema<S> | JsonSchema | JsonSchemaFile | undefined
  /** Unique id. @default the sample's `id` field, otherwise its location, such as `spam/a.json` */
  readonly id?: FieldName<NoInfer<S>> | ((sample: NoInfer<S>) => string) | undefined
  readonly input: Input
  /** @default rows have no target */
  readonly target?: Target | undefined
  /**
   * Samples of one group are either all in the evaluation set or all outside it. @default each sample is its own group
   */
  readonly group?: FieldName<NoInfer<S>> | ((sample: NoInfer<S>) => string | undefined) | undefined
  /** Fields whose values name slices, which are also judged separately. @default none */
  readonly slices?:
    | readonly FieldName<NoInfer<S>>[]
    | ((sample: NoInfer<S>) => Readonly<Record<string, string>>)
    | undefined
  /** The kind of slice that a file's first folder names, e.g. `category`. @default folders do not name slices */
  readonly sliceByFolder?: string | undefined
  /** The pinned evaluation set. Required for `snapshot()`. */
  readonly evaluation?: PinnedSource | undefined
  /** Samples that are excluded, such as `quarantineFile('dataset/quarantine.json')`. @default none */
  readonly quarantine?: QuarantineSource | undefined
  /**
   * The share of the training rows, 0 to 1, that is reserved for early stopping and tuning and not trained on. Chosen
   * by the hash of the group, so that new samples do not move existing rows. @default none
   */
  readonly developmentShare?: number | undefined
  /** Selects which of the other rows are trained on. Does not change the evaluation set. @default all */
  readonly training?: TrainingSelection | undefined
  /**
   * The version of the functions and of the Standard Schema above. Raise it whenever they change. With a version, or if
   * all parts are field names and the schema is a JSON Schema, unchanged samples are not read again.
   */
  readonly version?: string | undefined
  /**
   * Files that samples name, such as images: `{ directory: 'dataset', fields: ['image'] }`. They must exist, and a changed
   * file changes its row. @default samples name no files
   */
  readonly files?: NamedFilesOptions | undefined
}

/** The options without type parameters, for the implementation of `Dataset`. */
export interface AnyDatasetOptions {
  readonly source: Source
  readonly schema?: StandardSchema | JsonSchema | JsonSchemaFile | undefined
  readonly id?: AnyFieldSelector | undefined
  readonly input: AnyFieldSelector
  readonly target?: AnyFieldSelector | undefined
  readonly group?: AnyFieldSelector | undefined
  readonly slices?: readonly string[] | ((sample: unknown) => unknown) | undefined
  readonly sliceByFolder?: string | undefined
  readonly evaluation?: PinnedSource | undefined
  readonly quarantine?: QuarantineSource | undefined
  readonly developmentShare?: number | undefined
  readonly training?: TrainingSelection | undefined
  readonly version?: string | undefined
  readonly files?: TreeFilesOptions | undefined
}

export type AnyFieldSelector = string | ((sample: unknown) => unknown) | Projection<unknown, unknown>
