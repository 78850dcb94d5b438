// Models of a host's own, as modules that a thread can load.
import { gradientModel, layersModel } from 'sheikh-freemium/tfjs'

/** A text as 16 numbers of its letters' codes. */
export const letters = (text) => Array.from({ length: 16 }, (_, place) => (text.charCodeAt(place) || 32) % 32)

const small = { epochs: 6, batchSize: 16, learningRate: 0.05, version: '1' }

/** Letters, an embedding, and what there is to learn between them. */
export const ofLetters = (options = {}) =>
  layersModel({
    ...small,
    ...options,
    answer: 'label',
    input: letters,
    module: { url: import.meta.url, export: 'ofLetters', options },
    build: (tf, { labels }) =>
      tf.sequential({
        layers: [
          tf.layers.embedding({ inputDim: 32, outputDim: 4, inputLength: 16 }),
          tf.layers.flatten(),
          tf.layers.dense({ units: 8, activation: 'relu' }),
          tf.layers.dropout({ rate: 0.1 }),
          tf.layers.batchNormalization({ momentum: 0.8 }),
          tf.layers.dense({ units: labels.length, activation: 'softmax' }),
        ],
      }),
  })

/** The same by functions: two layers on the letters, one by one. */
export const byGradients = (options = {}) =>
  gradientModel({
    ...small,
    ...options,
    answer: 'label',
    inputShape: [16, 32],
    input: (text) => letters(text).flatMap((letter) => Array.from({ length: 32 }, (_, at) => Number(at === letter))),
    module: { url: import.meta.url, export: 'byGradients', options },
    init: (tf, { labels, seed }) => ({
      inner: tf.randomNormal([512, 8], 0, 0.1, 'float32', seed()),
      outer: tf.randomNormal([8, labels.length], 0, 0.3, 'float32', seed()),
      bias: tf.zeros([labels.length]),
    }),
    predict: (tf, { inner, outer, bias }, inputs) =>
      tf.add(tf.matMul(tf.tanh(tf.matMul(tf.reshape(inputs, [-1, 512]), inner)), outer), bias),
  })
