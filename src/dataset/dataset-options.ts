import type { PinnedSource, Projection, Source } from './dataset-types.js'
import type { JsonSchema, JsonSchemaFile } from './schema/json-schema.js'
import type { StandardSchema } from './schema/standard-schema.js'

// biome-ignore lint/suspicious/noExplicitAny: samples that no Standard Schema describes may have any field, of any type.
export type UntypedSample = any

/** The name of a field of a sample. */
export type FieldName<S> = keyof S & string

/** How a part of a row is made of a sample: a field's name, a function, or a projection object. */
export type FieldSelector<S> = FieldName<S> | ((sample: S) => unknown) | Projection<S, unknown>

/** What a part gives. A field of an untyped sample is taken for text. */
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

/** Which rows are learned from, of those that are neither pinned nor set aside. */
export interface TrainingSelection {
  /** By kind of slice, the values that are wanted: `{ category: ['billing'] }`. @default all */
  readonly slices?: Readonly<Record<string, readonly string[]>> | undefined
  /**
   * The most rows, 1 or more, development rows among them: those that come first by a hash of their group, so that new samples
   * change few. @default all
   */
  readonly maximumRows?: number | undefined
}

export interface DatasetOptions<S, Input extends FieldSelector<S>, Target extends FieldSelector<S>> {
  readonly source: Source
  /** What a sample must be: any Standard Schema, or a JSON Schema (draft-07). @default anything */
  readonly schema?: StandardSchema<S> | JsonSchema | JsonSchemaFile | undefined
  /** Unique. @default the field `id` of a sample that has one, else where the sample stands: `spam/a.json` */
  readonly id?: FieldName<NoInfer<S>> | ((sample: NoInfer<S>) => string) | undefined
  readonly input: Input
  /** @default rows have no target */
  readonly target?: Target | undefined
  /** Samples of one group stand on one side of the evaluation line. @default each sample is a group by itself */
  readonly group?: FieldName<NoInfer<S>> | ((sample: NoInfer<S>) => string | undefined) | undefined
  /** Fields whose values name subsets that are judged by themselves. @default none */
  readonly slices?:
    | readonly FieldName<NoInfer<S>>[]
    | ((sample: NoInfer<S>) => Readonly<Record<string, string>>)
    | undefined
  /** The kind of slice that a file's first folder names, e.g. `category`. @default folders name nothing */
  readonly sliceByFolder?: string | undefined
  /** What models are judged on. A snapshot without one is refused. */
  readonly evaluation?: PinnedSource | undefined
  /**
   * The share of the training rows, 0 to 1, that is kept apart for early stopping and tuning, never learned from: by the hash of
   * the group, so that new samples move none. @default none
   */
  readonly developmentShare?: number | undefined
  /** Which of the other rows are learned from. The evaluation set stays what it is. @default all */
  readonly training?: TrainingSelection | undefined
  /**
   * The version of the functions and of the Standard Schema above, raised whenever they change. With it, or where all parts are
   * field names and the schema is JSON Schema, samples that did not change are not read again.
   */
  readonly version?: string | undefined
}

/** The options with types left out: what the code behind `Dataset` works on. */
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
  readonly developmentShare?: number | undefined
  readonly training?: TrainingSelection | undefined
  readonly version?: string | undefined
}

export type AnyFieldSelector = string | ((sample: unknown) => unknown) | Projection<unknown, unknown>
