/**
 * How ONNX Runtime's WebAssembly opens a model, wherever it runs: at a POP, before a judge, in a replay. Another
 * order of sums could be another last bit.
 */
export const onnxSessionOptions = {
  executionProviders: ['wasm'],
  graphOptimizationLevel: 'all',
  // WebAssembly memory never shrinks: both keep a swap of two releases within an isolate's 128 MB.
  enableCpuMemArena: false,
  extra: { session: { disable_prepacking: '1' } },
} as const
