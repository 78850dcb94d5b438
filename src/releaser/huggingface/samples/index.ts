// For projects that may have samples on the Hub: the index of this folder also loads the registry.
export { hubSamples } from '../hub-samples.js'
