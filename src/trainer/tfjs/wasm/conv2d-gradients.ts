// The gradients of a convolution, as matrix products of its patches. tfjs's wasm backend lacks that of the filter, and has
// that of the input as plain loops.
import { dispose, floats, wasmKernel, withScratch } from './backend.js'
import { multiply } from './matmul.js'
import { type Convolution, eachRun, geometryOf, patchSize, rowsAtOnce, type Shape4 } from './patches.js'

/** dW = Σ over output pixels of patch ⊗ dy. x: [batch, height, width, in], dy: [batch, outHeight, outWidth, out]. */
export const conv2DBackpropFilter = wasmKernel<'x' | 'dy', Convolution & { readonly filterShape: Shape4 }>(
  'Conv2DBackpropFilter',
  ({ inputs: { x, dy }, attrs, backend, tf, run }) => {
    const geometry = geometryOf(tf, x.shape as Shape4, attrs.filterShape, attrs, false)
    const { batchSize, outHeight, outWidth, outChannels } = geometry
    const patch = patchSize(geometry)
    // Taken as dyᵀ · patches, which transposes the smaller of the two.
    const sum = backend.makeOutput([outChannels, patch], 'float32') // [out, patch]
    floats(backend, sum).fill(0)
    const rows = batchSize * outHeight
    const atOnce = rowsAtOnce(geometry, rows)
    for (let first = 0; first < rows; first += atOnce) {
      const count = Math.min(atOnce, rows - first)
      const pixels = count * outWidth
      // Scratch of its own for each round: XNNPACK keeps what it packed of a tensor for as long as the tensor lives.
      withScratch(backend, [outChannels * pixels, pixels * patch, outChannels * patch], ([left, right, part]) => {
        const [dyTransposed, patches] = [floats(backend, left!), floats(backend, right!)]
        const [dyValues, xValues] = [floats(backend, dy), floats(backend, x)]
        for (let pixel = 0, from = first * outWidth * outChannels; pixel < pixels; pixel += 1)
          for (let channel = 0; channel < outChannels; channel += 1, from += 1)
            dyTransposed[channel * pixels + pixel] = dyValues[from]!
        eachRun(geometry, first, count, (inImages, inPatches, length) => {
          for (let at = 0; at < length; at += 1) patches[inPatches + at] = xValues[inImages + at]!
        })
        multiply(backend, [left!, right!, part!], [outChannels, pixels, patch], 1)
        const [sums, parts] = [floats(backend, sum), floats(backend, part!)]
        for (let at = 0; at < sums.length; at += 1) sums[at]! += parts[at]!
      })
    }
    const filter = run('Transpose', { x: sum }, { perm: [1, 0] })
    dispose(backend, sum)
    return { ...filter, shape: [...attrs.filterShape] }
  },
)

/** dx: the patches' gradients, dy · Wᵀ, each added where its patch came from. */
export const conv2DBackpropInput = wasmKernel<'dy' | 'filter', Convolution & { readonly inputShape: Shape4 }>(
  'Conv2DBackpropInput',
  ({ inputs: { dy, filter }, attrs, backend, tf, run, original }) => {
    if (attrs.dataFormat === 'NCHW') return original()
    const geometry = geometryOf(tf, attrs.inputShape, filter.shape as Shape4, attrs, false)
    const { batchSize, outHeight, outWidth, outChannels } = geometry
    const patch = patchSize(geometry)
    const output = backend.makeOutput(attrs.inputShape, 'float32')
    floats(backend, output).fill(0)
    const transposed = run('Transpose', { x: { ...filter, shape: [patch, outChannels] } }, { perm: [1, 0] })
    const rows = batchSize * outHeight
    const atOnce = rowsAtOnce(geometry, rows)
    for (let first = 0; first < rows; first += atOnce) {
      const count = Math.min(atOnce, rows - first)
      const pixels = count * outWidth
      withScratch(backend, [pixels * outChannels, pixels * patch], ([left, patches]) => {
        const from = first * outWidth * outChannels
        floats(backend, left!).set(floats(backend, dy).subarray(from, from + pixels * outChannels))
        multiply(backend, [left!, transposed, patches!], [pixels, outChannels, patch], 1)
        const [dx, values] = [floats(backend, output), floats(backend, patches!)]
        eachRun(geometry, first, count, (inImages, inPatches, length) => {
          for (let at = 0; at < length; at += 1) dx[inImages + at]! += values[inPatches + at]!
        })
      })
    }
    dispose(backend, transposed)
    return output
  },
)
