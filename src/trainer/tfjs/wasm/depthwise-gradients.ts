// The gradients of a depthwise convolution, which tfjs's wasm backend lacks. Each channel is by itself, so there is no
// matrix to multiply: plain loops, the channels innermost, as they lie in memory.
import { floats, wasmKernel } from './backend.js'
import { type Convolution, type Geometry, geometryOf, type Shape4 } from './patches.js'

/** dW = Σ over output pixels of patch · dy, channel by channel. dW: [height, width, in, multiplier]. */
export const depthwiseBackpropFilter = wasmKernel<'x' | 'dy', Convolution & { readonly filterShape: Shape4 }>(
  'DepthwiseConv2dNativeBackpropFilter',
  ({ inputs: { x, dy }, attrs, backend, tf }) => {
    const geometry = geometryOf(tf, x.shape as Shape4, attrs.filterShape, attrs, true)
    const { inChannels } = geometry
    const multiplier = geometry.outChannels / inChannels
    const output = backend.makeOutput(attrs.filterShape, 'float32')
    const [xValues, dyValues, filter] = [floats(backend, x), floats(backend, dy), floats(backend, output)]
    // Float64, as the sum is over every pixel of every image.
    const sums = new Float64Array(filter.length)
    eachTap(geometry, (pixel, outPixel, tap) => {
      let [from, to] = [outPixel * inChannels * multiplier, tap * inChannels * multiplier]
      for (let channel = 0; channel < inChannels; channel += 1) {
        const value = xValues[pixel * inChannels + channel]!
        for (let copy = 0; copy < multiplier; copy += 1) sums[to++]! += value * dyValues[from++]!
      }
    })
    filter.set(sums)
    return output
  },
)

/** dx = Σ over the output pixels that saw the pixel of dy · W, channel by channel. */
export const depthwiseBackpropInput = wasmKernel<'dy' | 'filter', Convolution & { readonly inputShape: Shape4 }>(
  'DepthwiseConv2dNativeBackpropInput',
  ({ inputs: { dy, filter }, attrs, backend, tf }) => {
    const geometry = geometryOf(tf, attrs.inputShape, filter.shape as Shape4, attrs, true)
    const { inChannels } = geometry
    const multiplier = geometry.outChannels / inChannels
    const output = backend.makeOutput(attrs.inputShape, 'float32')
    const [dyValues, weights, dx] = [floats(backend, dy), floats(backend, filter), floats(backend, output)]
    dx.fill(0)
    eachTap(geometry, (pixel, outPixel, tap) => {
      let [from, weight] = [outPixel * inChannels * multiplier, tap * inChannels * multiplier]
      for (let channel = 0; channel < inChannels; channel += 1) {
        let sum = 0
        for (let copy = 0; copy < multiplier; copy += 1) sum += dyValues[from++]! * weights[weight++]!
        dx[pixel * inChannels + channel]! += sum
      }
    })
    return output
  },
)

/** Calls `visit` for each place of the filter on each output pixel that lies inside the image; all counted from 0. */
function eachTap(geometry: Geometry, visit: (pixel: number, outPixel: number, tap: number) => void): void {
  const { batchSize, inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth } = geometry
  const { strideHeight, strideWidth, padInfo } = geometry
  for (let image = 0, outPixel = 0; image < batchSize; image += 1)
    for (let row = 0; row < outHeight; row += 1)
      for (let column = 0; column < outWidth; column += 1, outPixel += 1) {
        const [top, left] = [row * strideHeight - padInfo.top, column * strideWidth - padInfo.left]
        for (let y = Math.max(0, -top); y < filterHeight && top + y < inHeight; y += 1)
          for (let x = Math.max(0, -left); x < filterWidth && left + x < inWidth; x += 1)
            visit((image * inHeight + top + y) * inWidth + left + x, outPixel, y * filterWidth + x)
      }
}
