import { join } from 'node:path'

/** Where `npm run setup:webgpu` puts what names SwiftShader to Vulkan. */
export const softwareDriver = join(import.meta.dirname, '../../node_modules/.cache/webgpu/vk_swiftshader_icd.json')
