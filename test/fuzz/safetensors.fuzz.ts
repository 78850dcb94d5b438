import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { callContext, isSheikhError, type Random } from '../../src/core/index.js'
import { readSafetensors } from '../../src/model/safetensors.js'
import { findNonFinite } from '../../src/model/safetensors-finite.js'
import { readSafetensorsHeader } from '../../src/model/safetensors-header.js'
import { happens, mutate, pick } from './mutate.js'
import { check, type Target } from './target.js'

const context = callContext()
const lengths = [
  0n,
  1n,
  7n,
  8n,
  1n << 24n,
  99_999_999n,
  100_000_000n,
  1n << 31n,
  1n << 32n,
  1n << 53n,
  1n << 63n,
  (1n << 64n) - 1n,
]

export function safetensors(folder: string): Target {
  const path = join(folder, 'model.safetensors')
  return {
    async seeds() {
      const reference = new URL('../model/reference/safetensors.json', import.meta.url)
      const { cases } = JSON.parse(readFileSync(reference, 'utf8')) as { cases: readonly { file: string }[] }
      return cases.map(({ file }) => Buffer.from(file, 'base64'))
    },
    mutate: mutateFile,
    async read(input) {
      writeFileSync(path, input)
      try {
        const header = await readSafetensorsHeader(path, context)
        const { metadata, tensors } = await readSafetensors(path, context)
        const odd = await findNonFinite(path, header, context)
        const start = 8 + Number(input.readBigUInt64LE(0))
        // The header is JSON, by the reader that everybody else uses, and nothing of it is lost or made up.
        const said = JSON.parse(input.toString('utf8', 8, start)) as Record<string, unknown>
        const names = Object.keys(said).filter((name) => name !== '__metadata__')
        check(names.length === tensors.length, 'each tensor of the header once')
        let end = start
        for (const [index, tensor] of header.tensors.entries()) {
          const { dtype, shape, data_offsets } = said[tensor.name] as Record<string, unknown>
          check(dtype === tensor.dtype && `${shape}` === `${tensor.shape}`, 'dtype and shape as the header says')
          check(`${data_offsets}` === `${[tensor.begin - start, tensor.end - start]}`, 'offsets as the header says')
          check(tensor.begin === end, 'data without a hole or an overlap')
          check(input.subarray(tensor.begin, tensor.end).equals(tensors[index]!.data), 'the bytes of the file')
          end = tensor.end
        }
        check(end === input.length && header.sizeBytes === end, 'data to the end of the file')
        check(
          Object.values(metadata).every((value) => typeof value === 'string'),
          'metadata of strings',
        )
        check(odd === undefined || names.includes(odd.tensor), 'a value that is not finite is in a tensor')
        return 'read'
      } catch (error) {
        if (isSheikhError(error, 'artifact-corrupt')) return 'refused'
        throw error
      }
    },
  }
}

export function mutateFile(random: Random, seed: Buffer): Buffer {
  if (happens(random, 15)) return Buffer.from(mutate(random, seed.toString('latin1')), 'latin1')
  // In the header is where a file can lie; mostly its length is right again, so that the lie is about what follows.
  const start = 8 + Number(seed.readBigUInt64LE(0))
  const header = Buffer.from(mutate(random, seed.toString('latin1', 8, start)), 'latin1')
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(happens(random, 90) ? BigInt(header.length) : pick(random, lengths))
  const data = seed.toString('latin1', start)
  return Buffer.concat([length, header, Buffer.from(happens(random, 10) ? mutate(random, data) : data, 'latin1')])
}
