import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { readWeightsDirectory } from '../src/model/index.js'
import type { Trainer } from '../src/trainer/index.js'

/** A trainer whose weights are a sparse file of zeros, as a safetensors file of one tensor. @param weightsBytes of the tensor. */
export function withLargeWeights(trainer: Trainer<string, string>, weightsBytes: number): Trainer<string, string> {
  return {
    ...trainer,
    async fit(request, context) {
      const { record } = await trainer.fit(request, context)
      const file = await open(join(request.directory, 'model.safetensors'), 'w')
      const header = Buffer.from(
        JSON.stringify({ zeros: { dtype: 'U8', shape: [weightsBytes], data_offsets: [0, weightsBytes] } }),
      )
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(header.length))
      await file.writeFile(Buffer.concat([length, header]))
      await file.truncate(8 + header.length + weightsBytes)
      await file.close()
      return { weights: await readWeightsDirectory(request.directory, context), record }
    },
  }
}
