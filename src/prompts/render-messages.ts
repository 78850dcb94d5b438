import type { Rendered } from './jinja/index.js'

type Variables = Readonly<Record<string, unknown>>

/** To the thread. The template comes first, and whenever it changes. */
export type ToRenderThread =
  | { readonly kind: 'template'; readonly text: string; readonly file: string }
  | {
      readonly kind: 'render'
      readonly samples: readonly Variables[]
      readonly limits: { readonly steps: number; readonly characters: number }
      /** The thread writes the number of samples that are done, and the offset in the template where it is. */
      readonly progress: Int32Array
    }

/** The answer to `render`: one for each sample. */
export type RenderAnswer = readonly (Rendered | RenderFailure)[]

/** A `template-invalid` error that has crossed threads. */
export interface RenderFailure {
  readonly message: string
  readonly facts: Readonly<Record<string, unknown>>
}
