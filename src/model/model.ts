import type { CallContext, Digest } from '../core/index.js'

/** A sample, projected to what a model needs. Plain JSON. */
export interface Row<I = string, T = string> {
  /** Unique in its dataset. */
  readonly id: string
  readonly input: I
  readonly target?: T | undefined
  /** Items of one group are not independent: near-duplicates, one author. Absent: the item is its own group. */
  readonly group?: string | undefined
  /** Slices of the item, by kind: `{ category: 'spam-1' }` is in the slice `category=spam-1`. */
  readonly slices: Readonly<Record<string, string>>
  /**
   * Digests of the files that the sample names, by the path that it has, relative to `Dataset.filesDirectory`. Absent: it
   * names none.
   */
  readonly files?: Readonly<Record<string, Digest>> | undefined
}

/** Rows that can be read repeatedly, sorted by id. Reading checks that they are unchanged. @throws `dataset-changed` */
export interface Rows<I = string, T = string> extends AsyncIterable<Row<I, T>> {
  readonly size: number
  /** The Merkle root over the digests of the rows. */
  readonly digest: Digest
}

export type Prediction =
  /** `probabilities` are optional. They cover all labels of the model and add up to 1. */
  | { readonly kind: 'label'; readonly label: string; readonly probabilities?: Readonly<Record<string, number>> }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'vector'; readonly values: readonly number[] }

/** One turn of a conversation. */
export interface ChatMessage {
  /** Such as `system`, `user` and `assistant`. The chat template decides which roles exist. */
  readonly role: string
  readonly content: string
  readonly name?: string | undefined
}

/** How a text is generated. An absent setting is the release's own, which the gate judged. */
export interface GenerateOptions {
  readonly maximumNewTokens?: number | undefined
  /** 0 always selects the likeliest token. */
  readonly temperature?: number | undefined
  /** Samples only from the fewest likeliest tokens whose probabilities add up to this share, 0 to 1. */
  readonly topP?: number | undefined
  readonly seed?: number | undefined
  /** Texts that end the answer, besides the release's own. They are not part of it. */
  readonly stop?: readonly string[] | undefined
  /** The prompt comes from `chatPrompt`, so it already contains the tokens that begin a text. @default false */
  readonly isChat?: boolean | undefined
}

/** A part of a generated text, cut between characters. The last part has `end`. */
export interface TextPart {
  readonly text: string
  readonly end?: GenerationEnd | undefined
}

export interface GenerationEnd {
  /** `length`: the maximum number of tokens was reached. */
  readonly reason: 'stop' | 'length'
  /** Absent: the model has no tokens. */
  readonly tokens?: { readonly prompt: number; readonly answer: number } | undefined
}

/** A loaded model. It owns memory and must be disposed. */
export interface Model<I = string> extends AsyncDisposable {
  /**
   * Covers weights, vocabulary, inference templates and generation settings. Models with equal digests give equal
   * predictions.
   */
  readonly digest: Digest
  /** The labels that the model can predict, if they are a fixed set. */
  readonly labels?: readonly string[] | undefined
  /** Returns one prediction per input, in order. */
  predict(inputs: readonly I[], context: CallContext): Promise<readonly Prediction[]>
  /**
   * Generates one text, part by part. Without options, the parts add up to the text that `predict` returns. Several
   * generations may run at the same time. An abort of the signal ends one. Absent: texts are only predicted whole.
   *
   * @throws `dataset-invalid` for a prompt that the model cannot answer, such as one that is too long.
   */
  generate?(prompt: I, options: GenerateOptions, context: CallContext): AsyncIterable<TextPart>
  /**
   * Renders a conversation with the release's chat template, as a prompt for `generate` or `predict`. Absent: the release
   * has no chat template.
   *
   * @throws `template-invalid` if the template refuses the conversation.
   */
  chatPrompt?(messages: readonly ChatMessage[]): Promise<string>
}

/** What a prediction says, without probabilities. */
export function answerOf(prediction: Prediction): string | number | readonly number[] {
  switch (prediction.kind) {
    case 'label':
      return prediction.label
    case 'number':
      return prediction.value
    case 'text':
      return prediction.text
    case 'vector':
      return prediction.values
  }
}
