import type { TfjsModel } from '../../../src/trainer/tfjs/index.js'
import type { LoopOptions } from '../../../src/trainer/tfjs/loop-options.js'
import type { NumberExample } from '../../../src/trainer/tfjs/own-model/number-examples.js'

export function letters(text: string): readonly number[]
export function ofLetters(options?: LoopOptions): TfjsModel<string, string, NumberExample>
export function byGradients(options?: LoopOptions): TfjsModel<string, string, NumberExample>
