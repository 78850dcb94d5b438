import type { TfjsModel } from '../../../src/trainer/tfjs/index.js'

interface Options {
  readonly log?: string
  readonly leak?: boolean
  readonly exit?: boolean
  readonly throws?: boolean
  readonly once?: string
  readonly predictLog?: string
}
export function build(options: Options): TfjsModel<string, string, { readonly length: number }>
