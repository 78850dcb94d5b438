import { canonicalJson, type JsonObject } from '../../core/index.js'
import { writeOnnx } from '../../model/index.js'

/**
 * A text classifier as an ONNX model. Its inputs are hashed features, because ONNX has no operator that hashes words as the
 * classifier does; docs/onnx.md contains the hashing in Python. `indices` and `values` are [texts, words], filled up with the
 * value 0.
 */
export function textClassifierOnnx(
  { labels, buckets, maximumTokens, bigrams }: JsonObject,
  { weight, bias }: Readonly<Record<string, Float32Array>>,
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
      { name: 'weight', shape: [buckets as number, names.length], values: weight! },
      { name: 'bias', shape: [names.length], values: bias! },
      { name: 'one', shape: [1], values: BigInt64Array.of(1n) },
      { name: 'labels', shape: [names.length], values: names },
    ],
    nodes: [
      { operator: 'Gather', inputs: ['weight', 'indices'], output: 'rows' }, // [texts, words, labels]
      { operator: 'Unsqueeze', inputs: ['values', 'one'], output: 'factors' }, // [texts, 1, words]
      { operator: 'MatMul', inputs: ['factors', 'rows'], output: 'sums' }, // [texts, 1, labels]
      { operator: 'Squeeze', inputs: ['sums', 'one'], output: 'weighted' }, // [texts, labels]
      { operator: 'Add', inputs: ['weighted', 'bias'], output: 'logits' },
      { operator: 'Softmax', inputs: ['logits'], output: 'probabilities', attributes: { axis: 1 } },
      { operator: 'ArgMax', inputs: ['logits'], output: 'best', attributes: { axis: 1, keepdims: 0 } }, // [texts]
      { operator: 'Gather', inputs: ['labels', 'best'], output: 'label' },
    ],
    metadata: {
      features: canonicalJson({ buckets: buckets!, maximumTokens: maximumTokens!, bigrams: bigrams! }),
      labels: canonicalJson(names),
    },
  })
}
