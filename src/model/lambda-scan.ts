/** Longer than any relevant match of the pattern below, in characters. */
const overlapCharacters = 1024
const serializedClass = /"class_name"\s{0,64}:\s{0,64}"((?:[^"\\]|\\.){0,512})"/g

/**
 * Finds Keras layers that contain Python code, in text or in a file that contains text (HDF5): `Lambda`, and the
 * `__lambda__` of Keras 3. Keras stores the code as marshalled bytecode and runs it when the model is loaded or called.
 *
 * Source: `deserialize_keras_object` in keras/src/saving/serialization_lib.py, and `Lambda.from_config`.
 */
export function lambdaScan(): { readonly feed: (bytes: Uint8Array) => boolean } {
  let window = ''
  return {
    feed(bytes) {
      window += Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
      // JSON may encode a letter as an escape.
      const text = window.replace(/\\u00([2-7][0-9a-fA-F])/g, (_, code: string) =>
        String.fromCharCode(Number.parseInt(code, 16)),
      )
      for (const [, name = ''] of text.matchAll(serializedClass))
        if (/^(.*>)?(Lambda|__lambda__)$/.test(name)) return true
      window = window.slice(-overlapCharacters)
      return false
    },
  }
}
