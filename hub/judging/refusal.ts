/** Why a pushed model is not taken; docs/decisions/018 says why each check stands. */
export const modelRefusals = [
  'model_is_lfs_pointer',
  'model_too_large',
  'model_unreadable',
  'model_external_data',
  'opset_not_supported',
  'operator_not_allowed',
  'model_inputs_differ',
  'model_outputs_differ',
  'tensor_dishonest',
  'tensor_too_large',
  'weights_not_finite',
  'model_unloadable',
  'model_does_not_run',
  'model_needs_too_much_memory',
  'output_shape_differs',
  'output_not_finite',
  'output_out_of_range',
  'output_not_repeatable',
  'model_too_slow',
  'examination_timed_out',
  'examination_died',
] as const
export type ModelRefusalCode = (typeof modelRefusals)[number]

/** A refusal as data: a code for machines, a sentence for people. */
export interface ModelRefusal {
  readonly code: ModelRefusalCode
  readonly detail: string
}

export function refuse(code: ModelRefusalCode, detail: string): ModelRefusal {
  return { code, detail }
}
