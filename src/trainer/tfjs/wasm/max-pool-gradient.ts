import { floats, wasmKernel } from './backend.js'
import type { Shape4 } from './patches.js'

interface Pool {
  readonly filterSize: number | [number, number]
  readonly strides: number | [number, number]
  readonly pad: 'valid' | 'same' | number
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
}

/** Each output's gradient goes to the first largest value of its window; tfjs's own loses those of some channels. */
export const maxPoolGrad = wasmKernel<'dy' | 'input', Pool>(
  'MaxPoolGrad',
  ({ inputs: { dy, input }, attrs: { filterSize, strides, pad, dimRoundingMode }, backend, tf }) => {
    const image = input.shape as Shape4
    const geometry = tf.backend_util.computePool2DInfo(image, filterSize, strides, 1, pad, dimRoundingMode)
    const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, strideHeight, strideWidth } = geometry
    const { filterHeight, filterWidth, padInfo } = geometry
    const output = backend.makeOutput(image, 'float32')
    const [dyValues, values, dx] = [floats(backend, dy), floats(backend, input), floats(backend, output)]
    dx.fill(0)
    for (let item = 0, at = 0; item < batchSize; item += 1)
      for (let row = 0; row < outHeight; row += 1)
        for (let column = 0; column < outWidth; column += 1) {
          const [top, left] = [row * strideHeight - padInfo.top, column * strideWidth - padInfo.left]
          const [fromY, toY] = [Math.max(0, top), Math.min(inHeight, top + filterHeight)]
          const [fromX, toX] = [Math.max(0, left), Math.min(inWidth, left + filterWidth)]
          for (let channel = 0; channel < inChannels; channel += 1, at += 1) {
            let [largest, place] = [-Infinity, -1]
            for (let y = fromY; y < toY; y += 1)
              for (let x = fromX; x < toX; x += 1) {
                const here = ((item * inHeight + y) * inWidth + x) * inChannels + channel
                const value = values[here]!
                if (value > largest) {
                  largest = value
                  place = here
                }
              }
            // A window of NaN alone has no largest value.
            if (place >= 0) dx[place]! += dyValues[at]!
          }
        }
    return output
  },
)
