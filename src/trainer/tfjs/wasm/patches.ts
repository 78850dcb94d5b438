// A convolution as one matrix product: each output pixel's patch of the input is a row of a matrix ("im2col",
// Chellapilla et al. 2006).

import type * as TensorFlow from '@tensorflow/tfjs-core'

export type Shape4 = [batch: number, height: number, width: number, channels: number]
export type Geometry = TensorFlow.backend_util.Conv2DInfo

export interface Convolution {
  readonly strides: number | [number, number]
  readonly pad: 'valid' | 'same' | number
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil'
  readonly dilations?: number | [number, number] | null
  readonly dataFormat?: 'NHWC' | 'NCHW'
}

/** @throws for what tfjs itself has no gradient of on the wasm backend, or anywhere: channels first, dilations. */
export function geometryOf(
  tf: typeof TensorFlow,
  inputShape: Shape4,
  filterShape: Shape4,
  { strides, pad, dimRoundingMode, dilations = 1, dataFormat = 'NHWC' }: Convolution,
  isDepthwise: boolean,
): Geometry {
  if (dataFormat !== 'NHWC' || ![dilations].flat().every((dilation) => dilation === 1))
    throw new Error('The gradient of a convolution is for channels last and dilations of 1 alone.')
  return tf.backend_util.computeConv2DInfo(inputShape, filterShape, strides, 1, pad, dimRoundingMode, isDepthwise)
}

/** Values in one patch. */
export const patchSize = ({ filterHeight, filterWidth, inChannels }: Geometry): number =>
  filterHeight * filterWidth * inChannels

/** Rows of output pixels, over all images, of which the patches are held at once: as many as 8 MB hold, at least one. */
export const rowsAtOnce = (geometry: Geometry, rows: number): number =>
  Math.max(1, Math.min(rows, Math.floor(2 ** 21 / (geometry.outWidth * patchSize(geometry)))))

/**
 * Calls `visit` for each run of values that lie side by side in the image and in the patches of `count` rows of output
 * pixels from `first` on; image by image, so row 1 of image 2 is row `outHeight + 1`. What a patch has outside the image is left out.
 */
export function eachRun(
  geometry: Geometry,
  first: number,
  count: number,
  visit: (inImages: number, inPatches: number, length: number) => void,
): void {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth } = geometry
  const { strideHeight, strideWidth, padInfo } = geometry
  const patch = patchSize(geometry)
  for (let row = 0; row < count; row += 1) {
    const image = Math.floor((first + row) / outHeight)
    const top = ((first + row) % outHeight) * strideHeight - padInfo.top
    const [fromY, toY] = [Math.max(0, -top), Math.min(filterHeight, inHeight - top)]
    for (let column = 0; column < outWidth; column += 1) {
      const left = column * strideWidth - padInfo.left
      const [fromX, toX] = [Math.max(0, -left), Math.min(filterWidth, inWidth - left)]
      if (toX <= fromX) continue
      for (let y = fromY; y < toY; y += 1)
        visit(
          ((image * inHeight + top + y) * inWidth + left + fromX) * inChannels,
          (row * outWidth + column) * patch + (y * filterWidth + fromX) * inChannels,
          (toX - fromX) * inChannels,
        )
    }
  }
}
