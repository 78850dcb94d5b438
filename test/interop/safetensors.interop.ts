import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { callContext, seededRandom } from '../../src/core/index.js'
import { readSafetensors, type Safetensors, type Tensor } from '../../src/model/safetensors.js'
import { byteLengthOf, type Dtype } from '../../src/model/safetensors-dtype.js'
import { writeSafetensors } from '../../src/model/safetensors-writer.js'
import { askPython } from './python.js'

const seed = Number(process.env['SEED'] ?? randomInt(2 ** 32))
console.log(`SEED=${seed}`)
const context = callContext()
const folder = mkdtempSync(join(tmpdir(), 'sheikh-interop-'))
afterAll(() => rmSync(folder, { recursive: true }))

const files = 100
const paths = Array.from({ length: files }, (_, index) => join(folder, `${index}.safetensors`))

/** The names that NumPy has. It has none for the 8-bit floats and bfloat16. */
const numpyNames: { readonly [D in Dtype]?: string } = {
  BOOL: 'bool',
  U8: 'uint8',
  I8: 'int8',
  U16: 'uint16',
  I16: 'int16',
  F16: 'float16',
  U32: 'uint32',
  I32: 'int32',
  F32: 'float32',
  U64: 'uint64',
  I64: 'int64',
  F64: 'float64',
  C64: 'complex64',
}

/** As `tensors.py` says it. Bytes, so that one NaN is not like another. */
const described = ({ metadata, tensors }: Safetensors) => ({
  metadata: { ...metadata },
  tensors: Object.fromEntries(
    tensors.map(({ name, dtype, shape, data }) => [
      name,
      { dtype: numpyNames[dtype], shape, data: Buffer.from(data).toString('hex') },
    ]),
  ),
})

it('what is written here, Python reads', async () => {
  const random = seededRandom(seed)
  const dtypes = Object.keys(numpyNames) as Dtype[]
  const written: unknown[] = []
  for (const path of paths) {
    const tensors = Array.from({ length: random.below(12) }, (_, index): Tensor => {
      const dtype = dtypes[random.below(dtypes.length)]!
      const shape = Array.from({ length: random.below(4) }, () => random.below(5))
      const length = byteLengthOf(dtype, shape) as number
      // A truth value is 0 or 1.
      const data = Uint8Array.from({ length }, () => random.below(dtype === 'BOOL' ? 2 : 256))
      return { name: `${index}/ü"\\`, dtype, shape, data }
    })
    const metadata = { format: 'np', 'é\n': '😀' }
    await writeSafetensors(path, tensors, { metadata }, context)
    written.push(described({ metadata, tensors }))
  }
  expect(askPython('tensors.py', ['read', paths.map((path) => [path])])).toEqual(written)
})

it('what Python writes is read here', async () => {
  const written = askPython('tensors.py', ['write', paths.map((path, index) => [path, seed + index])])
  const read: unknown[] = []
  for (const path of paths) read.push(described(await readSafetensors(path, context)))
  expect(read).toEqual(written)
})
