// Two faults of the convolutions in tfjs's wasm backend. XNNPACK reckons "same" padding in unsigned numbers: where a stride
// is so long that input is skipped (a filter of 1, a stride of 2), it wraps round, and outputs are zeros; so it is told the
// padding. And tfjs reckons the output by the filter's height alone where the padding is a number: XNNPACK then writes more
// than there is room for; so that is refused.
import { type WasmKernel, wasmKernel } from './backend.js'
import type { Convolution, Shape4 } from './patches.js'

const paddedConvolution = (name: string, isDepthwise: boolean): WasmKernel =>
  wasmKernel<'x' | 'filter', Convolution>(name, ({ inputs: { x, filter }, attrs, tf, original }) => {
    if (attrs.dataFormat === 'NCHW') return original()
    const { strides, dimRoundingMode } = attrs
    // tfjs-layers gives null for no dilations.
    const dilations = attrs.dilations ?? 1
    const info = tf.backend_util.computeConv2DInfo(
      ...([
        x.shape as Shape4,
        filter.shape as Shape4,
        strides,
        dilations,
        attrs.pad,
        dimRoundingMode,
        isDepthwise,
      ] as const),
    )
    const { top, bottom, left, right } = info.padInfo
    const steps = (size: number, filterSize: number, stride: number) => Math.floor((size - filterSize) / stride) + 1
    const height = steps(info.inHeight + top + bottom, info.effectiveFilterHeight, info.strideHeight)
    const width = steps(info.inWidth + left + right, info.effectiveFilterWidth, info.strideWidth)
    if (height !== info.outHeight || width !== info.outWidth)
      throw new Error(
        `${name}: a padding of ${attrs.pad} is for a square filter and equal strides, without rounding. ` +
          'Give the padding of each side, "same" or "valid".',
      )
    return original({
      ...attrs,
      pad: [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ],
    })
  })

export const paddedConvolutions: readonly WasmKernel[] = [
  paddedConvolution('Conv2D', false),
  paddedConvolution('FusedConv2D', false),
  paddedConvolution('DepthwiseConv2dNative', true),
  paddedConvolution('FusedDepthwiseConv2D', true),
]
