import { canonicalJson, type JsonObject } from '../../core/index.js'
import { writeOnnx } from '../../model/index.js'

/**
 * A text classifier as an ONNX model. Its inputs are hashed features, because ONNX has no operator that hashes words as the
 * classifier does; docs/onnx.md contains the hashing in Python. `indices` and `values` are [texts, words], filled up with the
 * value 0.
 */
export function textClassifierOnnx(
  { labels, rows, buckets, maximumTokens, bigrams, characters }: JsonObject,
  { weight, bias, row, frequency }: Readonly<Record<string, Float32Array>>,
): Uint8Array {
  const names = labels as readonly string[]
  return writeOnnx({
    name: 'text-classifier',
    description: 'Softmax regression on hashed words. The inputs are described in docs/onnx.md of sheikh-freemium.',
    inputs: [
      { name: 'indices', type: 'int64', shape: ['texts', 'words'] },
      { name: 'values', type: 'float', shape: ['texts', 'words'] },
    ],
    outputs: [
      { name: 'label', type: 'string', shape: ['texts'] },
      { name: 'probabilities', type: 'float', shape: ['texts', names.length] },
    ],
    constants: [
      { name: 'weight', shape: [rows as number, names.length], values: weight! },
      { name: 'row', shape: [buckets as number], values: BigInt64Array.from(row!, BigInt) },
      { name: 'frequency', shape: [rows as number], values: frequency! },
      { name: 'smallest', shape: [1], values: Float32Array.of(1e-10) },
      { name: 'bias', shape: [names.length], values: bias! },
      { name: 'one', shape: [1], values: BigInt64Array.of(1n) },
      { name: 'labels', shape: [names.length], values: names },
    ],
    nodes: [
      { operator: 'Gather', inputs: ['row', 'indices'], output: 'places' }, // [texts, words]
      { operator: 'Gather', inputs: ['frequency', 'places'], output: 'frequencies' },
      { operator: 'Mul', inputs: ['values', 'frequencies'], output: 'factors' },
      { operator: 'Mul', inputs: ['factors', 'factors'], output: 'squares' },
      { operator: 'ReduceSum', inputs: ['squares', 'one'], output: 'square_sums', attributes: { keepdims: 1 } }, // [texts, 1]
      { operator: 'Sqrt', inputs: ['square_sums'], output: 'lengths' },
      { operator: 'Max', inputs: ['lengths', 'smallest'], output: 'divisors' },
      { operator: 'Gather', inputs: ['weight', 'places'], output: 'rows' }, // [texts, words, labels]
      { operator: 'Unsqueeze', inputs: ['factors', 'one'], output: 'row_factors' }, // [texts, 1, words]
      { operator: 'MatMul', inputs: ['row_factors', 'rows'], output: 'sums' }, // [texts, 1, labels]
      { operator: 'Squeeze', inputs: ['sums', 'one'], output: 'weighted' }, // [texts, labels]
      { operator: 'Div', inputs: ['weighted', 'divisors'], output: 'scaled' },
      { operator: 'Add', inputs: ['scaled', 'bias'], output: 'logits' },
      { operator: 'Softmax', inputs: ['logits'], output: 'probabilities', attributes: { axis: 1 } },
      { operator: 'ArgMax', inputs: ['logits'], output: 'best', attributes: { axis: 1, keepdims: 0 } }, // [texts]
      { operator: 'Gather', inputs: ['labels', 'best'], output: 'label' },
    ],
    metadata: {
      features: canonicalJson({
        buckets: buckets!,
        maximumTokens: maximumTokens!,
        bigrams: bigrams!,
        characters: characters!,
      }),
      labels: canonicalJson(names),
    },
  })
}
